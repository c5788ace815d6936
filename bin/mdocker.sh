#!/bin/sh
# Starts mdocker on Node. NODE_EXTRA_CA_CERTS is dropped: it triples Node's start, and nothing here needs it so early.
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
case $self in */*) home=${self%/*}/.. ;; *) home=.. ;; esac
unset NODE_EXTRA_CA_CERTS NODE_OPTIONS
# No threads for what a start never needs.
exec node --v8-pool-size=0 "$home/dist/mdocker.cjs" "$@"
