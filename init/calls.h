/*
 * What the small static programs of this folder have in place of a libc: their beginning and end, system calls, and what
 * they need of string.h. A program is in `begin`.
 */
#ifndef MDOCKER_CALLS_H
#define MDOCKER_CALLS_H
#include <stddef.h>
#include <stdint.h>
#include <asm/errno.h>
#include <asm/unistd.h>

static inline long call6(long n, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "mdocker runs on x86_64 and arm64"
#endif
}
#define call(n, a, b, c, d) call6((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/* argc, argv and envp lie on the stack. */
_Noreturn void begin(const long *stack);

/* The kernel enters here with the stack aligned to 16 bytes and no return address on it. */
__asm__(".globl _start\n_start:\n"
#if defined(__x86_64__)
        "mov %rsp, %rdi\n xor %ebp, %ebp\n and $-16, %rsp\n call begin\n"
#else
        "mov x0, sp\n mov x29, #0\n mov x30, #0\n bl begin\n"
#endif
);

static _Noreturn inline void leave(int code) {
    for (;;) call(__NR_exit_group, code, 0, 0, 0);
}

#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_SOCKET 1
#define SO_PEERCRED 17
#define SCM_RIGHTS 1
#define MSG_NOSIGNAL 0x4000
#define CLOSE_ON_EXEC 02000000 /* SOCK_CLOEXEC, O_CLOEXEC */

struct poll_entry { int fd; short events, revents; };
struct buffer { void *base; uint64_t length; };
struct socket_message {
    void *name; uint32_t name_length;
    struct buffer *buffers; uint64_t count;
    void *control; uint64_t control_length;
    int flags;
};
struct descriptors { uint64_t length; int level, type; int fd[4]; };

static inline size_t length(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

/* An array that is set to a constant would become a call of memset(3), which is not there. */
static inline void clear(void *at, size_t count) {
    volatile char *byte = at;
    while (count--) *byte++ = 0;
}

static inline unsigned decimal(char *out, uint64_t value) {
    char digits[20];
    unsigned n = 0, written = 0;
    do digits[n++] = (char)('0' + value % 10); while (value /= 10);
    while (n) out[written++] = digits[--n];
    out[written] = 0;
    return written;
}

static inline uint64_t number(const char *text) {
    uint64_t value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + (uint64_t)(*text++ - '0');
    return value;
}

/* struct sockaddr_un of `path` at `address`; its size, or 0 when the path is too long. */
static inline unsigned unix_address(char *address, const char *path) {
    size_t n = length(path);
    if (n > 107) return 0;
    *(uint16_t *)(void *)address = AF_UNIX;
    for (size_t i = 0; i <= n; i++) address[2 + i] = path[i];
    return (unsigned)(2 + n + 1);
}

/* True when who is at the other end of a unix socket runs as `uid`. */
static inline int is_peer(long socket, uint32_t uid) {
    uint32_t peer[3] = {0, 0, 0}, size = sizeof peer;
    if (call6(__NR_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, (long)peer, (long)&size, 0) < 0) return 0;
    return peer[1] == uid;
}
#endif
