/*
 * relay: leads a port of the host to a container of a user who is not root. It runs in the user's network namespace;
 * the socket it inherits belongs to the host's.
 *
 *   relay tcp|udp ADDRESS PORT      ADDRESS in hexadecimal: 8 or 32 digits
 *
 * Descriptor 3 is the socket: listening, or bound; 4 a pidfd of the container's monitor, with which the relay ends.
 */
#include "calls.h"

#define SIGKILL 9
#define SIGCHLD 17
#define POLLIN 1
#define SOCKET 3
#define MONITOR 4
#define CLIENTS 512
#define CHUNK 65536

static char address[28], bytes[CHUNK];
static unsigned address_size;

static unsigned digit(char c) { return (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10); }

/* struct sockaddr_in or sockaddr_in6 of the container's port. */
static void read_address(const char *hexadecimal, const char *port) {
    unsigned count = (unsigned)length(hexadecimal) / 2, at = count == 16 ? 8 : 4;
    if (count != 4 && count != 16) leave(1);
    address_size = count == 16 ? 28 : 16;
    *(uint16_t *)(void *)address = count == 16 ? 10 : 2;
    address[2] = (char)(number(port) >> 8);
    address[3] = (char)number(port);
    for (unsigned i = 0; i < count; i++)
        address[at + i] = (char)(digit(hexadecimal[2 * i]) << 4 | digit(hexadecimal[2 * i + 1]));
}

static long connect_inside(int type) {
    int family = *(uint16_t *)(void *)address;
    long fd = call(__NR_socket, family, type | CLOSE_ON_EXEC, 0, 0);
    if (fd >= 0 && call(__NR_connect, fd, address, address_size, 0) < 0) {
        call(__NR_close, fd, 0, 0, 0);
        return -1;
    }
    return fd;
}

/* All that is there of one side to the other; false at its end. The other may be slow: then so are we. */
static int pass(int from, int to) {
    long n = call(__NR_read, from, bytes, CHUNK, 0);
    if (n <= 0) return n == -EINTR;
    for (long sent = 0; sent < n;) {
        long done = call6(__NR_sendto, to, (long)bytes + sent, n - sent, MSG_NOSIGNAL, 0, 0);
        if (done <= 0 && done != -EINTR) return 0;
        if (done > 0) sent += done;
    }
    return 1;
}

/* One connection, in a process of its own: until both sides have said all. */
static _Noreturn void carry(int outside) {
    call(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0);
    long inside = connect_inside(SOCK_STREAM);
    if (inside < 0) leave(1);
    struct poll_entry side[2] = {{outside, POLLIN, 0}, {(int)inside, POLLIN, 0}};
    int open = 2;
    while (open > 0) {
        if (call(__NR_ppoll, side, 2, 0, 0) < 0) continue;
        for (int i = 0; i < 2; i++) {
            if (side[i].fd < 0 || side[i].revents == 0) continue;
            int other = i == 0 ? (int)inside : outside;
            if (pass(side[i].fd, other)) continue;
            call(__NR_shutdown, other, 1 /* SHUT_WR */, 0, 0);
            side[i].fd = -1;
            open--;
        }
    }
    leave(0);
}

static _Noreturn void relay_connections(void) {
    struct poll_entry waited[2] = {{SOCKET, POLLIN, 0}, {MONITOR, POLLIN, 0}};
    for (;;) {
        call(__NR_ppoll, waited, 2, 0, 0);
        if (waited[1].revents != 0) leave(0);
        if (waited[0].revents == 0) continue;
        long fd = call(__NR_accept4, SOCKET, 0, 0, CLOSE_ON_EXEC);
        if (fd < 0) continue;
        if (call6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0) == 0) {
            call(__NR_close, SOCKET, 0, 0, 0);
            call(__NR_close, MONITOR, 0, 0, 0);
            carry((int)fd);
        }
        call(__NR_close, fd, 0, 0, 0);
    }
}

/* Who has sent datagrams; the one who has been silent for longest makes room for another. */
static struct { char name[28]; uint32_t size; uint64_t heard; } clients[CLIENTS];
static struct poll_entry polled[CLIENTS + 2];

static int is_client(int i, const char *name, uint32_t size) {
    if (polled[i + 2].fd < 0 || clients[i].size != size) return 0;
    for (uint32_t k = 0; k < size; k++)
        if (clients[i].name[k] != name[k]) return 0;
    return 1;
}

static int client_of(const char *name, uint32_t size, uint64_t now) {
    int oldest = 0;
    for (int i = 0; i < CLIENTS; i++) {
        if (is_client(i, name, size)) return i;
        if (clients[i].heard < clients[oldest].heard) oldest = i;
    }
    if (polled[oldest + 2].fd >= 0) call(__NR_close, polled[oldest + 2].fd, 0, 0, 0);
    polled[oldest + 2].fd = (int)connect_inside(SOCK_DGRAM);
    for (uint32_t k = 0; k < size; k++) clients[oldest].name[k] = name[k];
    clients[oldest].size = size;
    clients[oldest].heard = now;
    return oldest;
}

static _Noreturn void relay_datagrams(void) {
    polled[0] = (struct poll_entry){SOCKET, POLLIN, 0};
    polled[1] = (struct poll_entry){MONITOR, POLLIN, 0};
    for (int i = 0; i < CLIENTS; i++) polled[i + 2] = (struct poll_entry){-1, POLLIN, 0};
    for (uint64_t now = 1;; now++) {
        call(__NR_ppoll, polled, CLIENTS + 2, 0, 0);
        if (polled[1].revents != 0) leave(0);
        if (polled[0].revents != 0) {
            char name[28];
            uint32_t size = sizeof name;
            long n = call6(__NR_recvfrom, SOCKET, (long)bytes, CHUNK, 0x40 /* MSG_DONTWAIT */, (long)name, (long)&size);
            if (n >= 0) {
                int i = client_of(name, size, now);
                clients[i].heard = now;
                if (polled[i + 2].fd >= 0) call6(__NR_sendto, polled[i + 2].fd, (long)bytes, n, MSG_NOSIGNAL, 0, 0);
                polled[i + 2].revents = 0;
            }
        }
        for (int i = 0; i < CLIENTS; i++) {
            if (polled[i + 2].fd < 0 || polled[i + 2].revents == 0) continue;
            long n = call6(__NR_recvfrom, polled[i + 2].fd, (long)bytes, CHUNK, 0x40, 0, 0);
            if (n >= 0) call6(__NR_sendto, SOCKET, (long)bytes, n, MSG_NOSIGNAL, (long)clients[i].name, clients[i].size);
        }
    }
}

_Noreturn void begin(const long *stack) {
    const char **words = (const char **)(stack + 1);
    if (stack[0] != 4) leave(1);
    uint64_t ignored[4] = {1 /* SIG_IGN */, 0, 0, 0};
    call6(__NR_rt_sigaction, SIGCHLD, (long)ignored, 0, 8, 0, 0);
    read_address(words[2], words[3]);
    /* Nobody has to wait for us. */
    if (call6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0) != 0) leave(0);
    if (words[1][0] == 'u') relay_datagrams();
    relay_connections();
}
