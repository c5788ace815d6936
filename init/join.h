/*
 * What an ordinary user's mdocker does before it becomes node: it joins the namespaces in which it is root (holder.c),
 * where there are any. Node could not: a process with threads may not change its user namespace.
 */
#include "calls.h"

#define CLONE_NEWNS 0x00020000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWNET 0x40000000
#define F_DUPFD 0
/* Node marks the descriptors right above its own three to be closed; what is up here goes to whatever we start. */
#define LEASE_FD 900

/* Asks the holder at `path` for its namespaces. The lease is the connection: while anyone has it the holder stays. */
static long ask_holder(const char *path, uint32_t uid, int *namespaces) {
    char address[110];
    unsigned size = unix_address(address, path);
    long fd = call(__NR_socket, AF_UNIX, SOCK_STREAM, 0, 0);
    if (size == 0 || fd < 0) return -1;
    char byte = 'J';
    struct buffer data = {&byte, 1};
    struct descriptors rights;
    clear(&rights, sizeof rights);
    struct socket_message message = {0, 0, &data, 1, &rights, sizeof rights, 0};
    int good = call(__NR_connect, fd, address, size, 0) == 0 && is_peer(fd, uid) &&
               call6(__NR_sendto, fd, (long)&byte, 1, MSG_NOSIGNAL, 0, 0) == 1 &&
               call(__NR_recvmsg, fd, &message, 0x40000000 /* MSG_CMSG_CLOEXEC */, 0) == 1 &&
               rights.length == 16 + 3 * sizeof(int) && rights.type == SCM_RIGHTS;
    if (!good) {
        call(__NR_close, fd, 0, 0, 0);
        return -1;
    }
    for (int i = 0; i < 3; i++) namespaces[i] = rights.fd[i];
    return fd;
}

/* 1: joined; 0: nobody holds namespaces at `path`; -1: they could not be joined, and this process is of no use now. */
static int join_namespaces(const char *path, uint32_t uid) {
    static char place[4096];
    int namespaces[3];
    long lease = ask_holder(path, uid, namespaces);
    if (lease < 0) return 0;
    long known = call(__NR_getcwd, place, sizeof place, 0, 0);
    if (call(__NR_setns, namespaces[0], CLONE_NEWUSER, 0, 0) < 0 || call(__NR_setns, namespaces[1], CLONE_NEWNS, 0, 0) < 0 ||
        call(__NR_setns, namespaces[2], CLONE_NEWNET, 0, 0) < 0)
        return -1;
    /* A joined mount namespace starts at its root. */
    if (known <= 0 || call(__NR_chdir, place, 0, 0, 0) < 0) call(__NR_chdir, "/", 0, 0, 0);
    if (call(__NR_fcntl, lease, F_DUPFD, LEASE_FD, 0) >= 0) call(__NR_close, lease, 0, 0, 0);
    return 1;
}
