/*
 * holder: keeps the namespaces in which an ordinary user's mdocker is root. It stays outside of them, with descriptors
 * of them, so that it can do what needs the host's network: bind a port, and start the program that leads outside.
 *
 *   holder SOCKET IDLE PID [PROGRAM ARGUMENT...]
 *   holder
 *
 * Without arguments it only waits: somebody has to be in a scope of systemd's for it to stay (cgroup/scope.ts). Until it
 * hears "k" on stdin it ends with who has started it.
 *
 * PID is a process whose namespaces are taken over, or 0: then new ones are made. The ladder with who starts it
 * (src/rootless/make.ts), on stdin and stdout:
 *
 *   holder: "PID\n"       the first process of the namespaces
 *   starter: "m"          it has been mapped
 *   holder: "PID\n"       PROGRAM runs ("%" in its arguments is the first process); 0 when none was given
 *   starter: "s"          serve
 *   holder: "PID\n"       its own; it listens on SOCKET.PID, which becomes SOCKET when everything inside is ready
 *
 * Who connects is asked for its uid, and may send: "J" (it gets the descriptors of the user, mount and network
 * namespace), or "B", type, 0, 0, struct sockaddr (it gets an errno as int32, and a socket of the host's that is bound
 * there). When nobody has been connected for IDLE seconds the holder ends, and with it what nobody else holds.
 */
#include "calls.h"
#include <asm/stat.h>

#define CLONE_NAMESPACES (0x00020000 | 0x10000000 | 0x40000000)
#define SIGKILL 9
#define SIGCHLD 17
#define PR_SET_PDEATHSIG 1
#define POLLIN 1
#define CONNECTIONS 4096
#define SEND_MASK 077

static struct poll_entry polled[CONNECTIONS];
static char text[4096];

static void say(uint64_t value) {
    char line[24];
    unsigned n = decimal(line, value);
    line[n++] = '\n';
    if (call(__NR_write, 1, line, n, 0) != (long)n) leave(1);
}

/* Our starter is gone when it says anything else: then nobody needs us. */
static int hears(char word) {
    char byte = 0;
    return call(__NR_read, 0, &byte, 1, 0) == 1 && byte == word;
}

/* Ends this process with the holder, `parent`, and at once when that has ended before it could be asked for. */
static void die_with(long parent) {
    call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
    if (call(__NR_getppid, 0, 0, 0, 0) != parent) leave(1);
}

static long fork_with(long flags) { return call6(__NR_clone, flags | SIGCHLD, 0, 0, 0, 0, 0); }

/* The path of one of a process's namespaces. */
static const char *namespace_path(const char *pid, const char *name) {
    size_t n = 0;
    for (const char *from = "/proc/"; *from;) text[n++] = *from++;
    while (*pid) text[n++] = *pid++;
    for (const char *from = "/ns/"; *from;) text[n++] = *from++;
    while (*name) text[n++] = *name++;
    text[n] = 0;
    return text;
}

static _Noreturn void become(const char **program, const char *const *environment, const char *pid, long parent) {
    static char filled[8192];
    size_t n = 0;
    for (int i = 0; program[i]; i++) {
        char *argument = filled + n;
        for (const char *from = program[i]; *from && n < sizeof filled - 32; from++) {
            if (*from != '%') filled[n++] = *from;
            else
                for (const char *digit = pid; *digit;) filled[n++] = *digit++;
        }
        filled[n++] = 0;
        program[i] = argument;
    }
    die_with(parent);
    call(__NR_dup3, 2, 1, 0, 0);
    call(__NR_execve, program[0], program, environment, 0);
    leave(127);
}

/* Answers with `value`, and with descriptors when there are any. */
static void answer(int to, const void *value, uint64_t size, const int *fd, unsigned count) {
    struct buffer data = {(void *)value, size};
    struct descriptors rights;
    clear(&rights, sizeof rights);
    rights.length = 16 + count * sizeof(int);
    rights.level = SOL_SOCKET;
    rights.type = SCM_RIGHTS;
    for (unsigned i = 0; i < count; i++) rights.fd[i] = fd[i];
    struct socket_message message = {0, 0, &data, 1, count ? &rights : 0, count ? (16 + count * 4 + 7) & ~7UL : 0, 0};
    call(__NR_sendmsg, to, &message, MSG_NOSIGNAL, 0);
}

static void bind_for(int to, const char *request, long size) {
    int family = *(const uint16_t *)(const void *)(request + 4), one = 1;
    long fd = call(__NR_socket, family, request[1] | CLOSE_ON_EXEC, 0, 0);
    if (fd >= 0 && family == 10) call6(__NR_setsockopt, fd, 41, 26 /* IPV6_V6ONLY */, (long)&one, sizeof one, 0);
    if (fd >= 0 && request[1] == SOCK_STREAM) call6(__NR_setsockopt, fd, SOL_SOCKET, 2 /* SO_REUSEADDR */, (long)&one, sizeof one, 0);
    long failure = fd < 0 ? fd : call(__NR_bind, fd, request + 4, size - 4, 0);
    /* Who has the port is known to the kernel from here on: of two that are bound, the second could not listen. */
    if (failure == 0 && request[1] == SOCK_STREAM) failure = call(__NR_listen, fd, 512, 0, 0);
    int32_t error = (int32_t)(failure < 0 ? -failure : 0), socket = (int)fd;
    answer(to, &error, sizeof error, &socket, error == 0);
    if (fd >= 0) call(__NR_close, fd, 0, 0, 0);
}

/* One request; false when the connection is at its end. */
static int serve(int connection, const int *namespaces) {
    static char request[64];
    long n = call(__NR_read, connection, request, sizeof request, 0);
    if (n <= 0) return n == -EAGAIN || n == -EINTR;
    if (request[0] == 'J') answer(connection, "J", 1, namespaces, 3);
    else if (request[0] == 'B' && n >= 20 && (request[1] == SOCK_STREAM || request[1] == SOCK_DGRAM))
        bind_for(connection, request, n);
    else return 0;
    return 1;
}

/* Which file is at `path`: its inode, or 0. */
static uint64_t file_at(const char *path) {
    struct stat about;
    return call(__NR_newfstatat, -100, path, &about, 0) == 0 ? about.st_ino : 0;
}

static long listen_at(const char *path) {
    char address[110];
    unsigned size = unix_address(address, path);
    long fd = call(__NR_socket, AF_UNIX, SOCK_STREAM | CLOSE_ON_EXEC, 0, 0);
    if (size == 0 || fd < 0) leave(1);
    call(__NR_umask, SEND_MASK, 0, 0, 0);
    if (call(__NR_bind, fd, address, size, 0) < 0 || call(__NR_listen, fd, 512, 0, 0) < 0) leave(1);
    return fd;
}

/* Takes our socket away, by whichever of its names; that of another holder stays. */
static void vanish(const char *path, const char *first_path, uint64_t file) {
    call(__NR_unlinkat, -100, first_path, 0, 0);
    if (file_at(path) == file) call(__NR_unlinkat, -100, path, 0, 0);
}

static _Noreturn void hold(const char *path, const char *first_path, uint64_t file, long listening, uint64_t idle, uint32_t uid, const int *namespaces, long program) {
    int count = 1;
    /* Who has started us comes at once. */
    int64_t patience[2] = {(int64_t)(idle > 10 ? idle : 10), 0}, left[2];
    polled[0] = (struct poll_entry){(int)listening, POLLIN, 0};
    for (;;) {
        left[0] = patience[0];
        left[1] = 0;
        long ready = call(__NR_ppoll, polled, count, count > 1 ? 0 : left, 0);
        if (ready == 0) break;
        for (int i = count - 1; ready > 0 && i > 0; i--) {
            if (polled[i].revents == 0 || serve(polled[i].fd, namespaces)) continue;
            call(__NR_close, polled[i].fd, 0, 0, 0);
            polled[i] = polled[--count];
        }
        if (ready > 0 && polled[0].revents != 0) {
            long fd = call(__NR_accept4, listening, 0, 0, CLOSE_ON_EXEC | 04000 /* SOCK_NONBLOCK */);
            if (fd < 0 || count == CONNECTIONS || !is_peer(fd, uid)) {
                if (fd >= 0) call(__NR_close, fd, 0, 0, 0);
                int64_t moment[2] = {0, 20000000};
                call(__NR_nanosleep, moment, 0, 0, 0);
                continue;
            }
            polled[count++] = (struct poll_entry){(int)fd, POLLIN, 0};
            patience[0] = (int64_t)idle;
        }
    }
    vanish(path, first_path, file);
    if (program > 0) call(__NR_kill, program, SIGKILL, 0, 0);
    leave(0);
}

_Noreturn void begin(const long *stack) {
    long count = stack[0];
    const char **words = (const char **)(stack + 1);
    const char *const *environment = (const char *const *)(words + count + 1);
    if (count == 1) {
        if (!hears('k')) leave(1);
        for (;;) call6(__NR_ppoll, 0, 0, 0, 0, 0, 0);
    }
    if (count < 4) leave(1);
    uint64_t ignored[4] = {1 /* SIG_IGN */, 0, 0, 0};
    call(__NR_setsid, 0, 0, 0, 0);
    long uid = call(__NR_geteuid, 0, 0, 0, 0), own = call(__NR_getpid, 0, 0, 0, 0), first = 0;
    char pid[24];
    uint64_t adopted = number(words[3]);
    if (adopted == 0) {
        first = fork_with(CLONE_NAMESPACES);
        if (first == 0) {
            die_with(own);
            for (;;) call6(__NR_ppoll, 0, 0, 0, 0, 0, 0);
        }
        if (first < 0) {
            call(__NR_write, 1, "-", 1, 0);
            say((uint64_t)-first);
            leave(1);
        }
    }
    decimal(pid, adopted == 0 ? (uint64_t)first : adopted);
    say(adopted == 0 ? (uint64_t)first : adopted);
    if (!hears('m')) leave(1);
    static const char *const names[] = {"user", "mnt", "net"};
    int namespaces[3];
    for (int i = 0; i < 3; i++) {
        namespaces[i] = (int)call(__NR_openat, -100, namespace_path(pid, names[i]), CLOSE_ON_EXEC, 0);
        if (namespaces[i] < 0) leave(1);
    }
    long program = 0;
    if (count > 4) {
        program = fork_with(0);
        if (program == 0) become(words + 4, environment, pid, own);
    }
    call6(__NR_rt_sigaction, SIGCHLD, (long)ignored, 0, 8, 0, 0);
    say(program > 0 ? (uint64_t)program : 0);
    if (!hears('s')) leave(1);
    static char first_path[128];
    size_t n = length(words[1]);
    if (n > 100) leave(1);
    for (size_t i = 0; i < n; i++) first_path[i] = words[1][i];
    first_path[n++] = '.';
    decimal(first_path + n, (uint64_t)own);
    long listening = listen_at(first_path);
    uint64_t file = file_at(first_path);
    say((uint64_t)own);
    if (first > 0) call(__NR_kill, first, SIGKILL, 0, 0);
    long null = call(__NR_openat, -100, "/dev/null", 2 | CLOSE_ON_EXEC, 0);
    for (int fd = 0; fd < 3; fd++) call(__NR_dup3, null, fd, 0, 0);
    call(__NR_chdir, "/", 0, 0, 0);
    uint64_t limit[2];
    if (call(__NR_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0, limit) == 0) {
        limit[0] = limit[1];
        call(__NR_prlimit64, 0, 7, limit, 0);
    }
    hold(words[1], first_path, file, listening, number(words[2]), (uint32_t)uid, namespaces, program);
}
