/*
 * start: bin/mdocker. Finds node along PATH and becomes `node FLAGS HOME/dist/mdocker.cjs ARGUMENTS...`, where HOME is
 * the parent of the directory this file lies in. A shell script would do, and does where nothing is built
 * (bin/mdocker.sh); this takes a tenth of its time, and every start pays for it.
 *
 * NODE_EXTRA_CA_CERTS triples Node's start and NODE_OPTIONS could load anything into a program that runs as root:
 * neither is passed on. NODE_FLAGS comes from the build, one C string a flag.
 */
#include <stddef.h>
#include <stdint.h>
#include <asm/errno.h>
#include <asm/unistd.h>

#define PATH_SIZE 4096
#define ARGUMENTS 8192
#define VARIABLES 8192

static long call3(long n, long a, long b, long c) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
#error "mdocker runs on x86_64 and arm64"
#endif
}

static char self[PATH_SIZE], program[PATH_SIZE], node[PATH_SIZE];
static const char *arguments[ARGUMENTS], *variables[VARIABLES];
static const char *const flags[] = {NODE_FLAGS};

static size_t length(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

static _Noreturn void fail(const char *message) {
    call3(__NR_write, 2, (long)message, (long)length(message));
    for (;;) call3(__NR_exit_group, 2, 0, 0);
}

static int begins(const char *text, const char *with) {
    while (*with)
        if (*text++ != *with++) return 0;
    return 1;
}

/* Appends `text` to `to` at `at`; the answer is where it ends. */
static size_t append(char *to, size_t at, const char *text, size_t count) {
    if (at + count >= PATH_SIZE) fail("mdocker: path too long\n");
    for (size_t i = 0; i < count; i++) to[at + i] = text[i];
    to[at + count] = 0;
    return at + count;
}

/* Tries `node` in each directory of PATH, as execvp(3) does; returns only when there is none. */
static void become_node(const char *path) {
    while (*path) {
        size_t n = 0;
        while (path[n] && path[n] != ':') n++;
        if (n > 0 && n + 6 < PATH_SIZE) {
            append(node, append(node, 0, path, n), "/node", 5);
            call3(__NR_execve, (long)node, (long)arguments, (long)variables);
        }
        path += n + (path[n] == ':');
    }
}

_Noreturn void begin(const long *stack) {
    long count = stack[0];
    const char *const *words = (const char *const *)(stack + 1);
    const char *const *environment = words + count + 1;

#if defined(__x86_64__)
    long size = call3(__NR_readlink, (long)"/proc/self/exe", (long)self, PATH_SIZE - 1);
#else
    register long x3 __asm__("x3") = PATH_SIZE - 1;
    long size;
    {
        register long x8 __asm__("x8") = __NR_readlinkat;
        register long x0 __asm__("x0") = -100;
        register long x1 __asm__("x1") = (long)"/proc/self/exe";
        register long x2 __asm__("x2") = (long)self;
        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
        size = x0;
    }
#endif
    if (size <= 0) fail("mdocker: /proc is not mounted: it is needed to find the program\n");
    for (int slashes = 0; size > 0 && slashes < 2;)
        if (self[--size] == '/') slashes++;
    append(program, append(program, 0, self, (size_t)size), "/dist/mdocker.cjs", 17);

    long n = 0;
    arguments[n++] = "node";
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) arguments[n++] = flags[i];
    arguments[n++] = program;
    for (long i = 1; i < count; i++) {
        if (n >= ARGUMENTS - 1) fail("mdocker: too many arguments\n");
        arguments[n++] = words[i];
    }
    const char *path = "/usr/local/bin:/usr/bin:/bin";
    for (n = 0; *environment; environment++) {
        if (begins(*environment, "NODE_EXTRA_CA_CERTS=") || begins(*environment, "NODE_OPTIONS=")) continue;
        if (begins(*environment, "PATH=")) path = *environment + 5;
        if (n >= VARIABLES - 1) fail("mdocker: too many environment variables\n");
        variables[n++] = *environment;
    }
    become_node(path);
    fail("mdocker: node is not found along PATH: install Node 20 or later\n");
}

/* The kernel enters here: argc, argv and envp lie on the stack. */
__asm__(".globl _start\n_start:\n"
#if defined(__x86_64__)
        "mov %rsp, %rdi\n xor %ebp, %ebp\n and $-16, %rsp\n call begin\n"
#else
        "mov x0, sp\n mov x29, #0\n mov x30, #0\n bl begin\n"
#endif
);
