#!/bin/sh
# Starts mdocker on Node. NODE_EXTRA_CA_CERTS is dropped: it triples Node's start, and nothing here needs it so early.
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
case $self in */*) home=${self%/*}/.. ;; *) home=.. ;; esac
unset NODE_EXTRA_CA_CERTS NODE_OPTIONS
# No threads for what a start never needs. And no hash seed of its own: finding one costs a tenth of Node's start, and is
# worth it only where strangers can send keys to a program that stays. Nor is there time to collect garbage,
# or to make machine code of what runs a few dozen times. The path is a real one already.
exec node --v8-pool-size=0 --no-rehash-snapshot --min-semi-space-size=16 --no-sparkplug --interrupt-budget=3000000 --preserve-symlinks-main "$home/dist/mdocker.cjs" "$@"
