/*
 * start: bin/mdocker. Finds node along PATH and becomes `node FLAGS HOME/dist/mdocker.cjs ARGUMENTS...`, where HOME is
 * the parent of the directory this file lies in. A shell script would do, and does where nothing is built
 * (bin/mdocker.sh); this takes a tenth of its time, and every start pays for it.
 *
 * NODE_EXTRA_CA_CERTS triples Node's start and NODE_OPTIONS could load anything into a program that runs as root:
 * neither is passed on. An ordinary user's command goes into that user's namespaces first. NODE_FLAGS comes from the build, one C string a flag.
 */
#include "join.h"

#define PATH_SIZE 4096
#define ARGUMENTS 8192
#define VARIABLES 8192
#define AT_EUID 12

static char self[PATH_SIZE], program[PATH_SIZE], node[PATH_SIZE];
static const char *arguments[ARGUMENTS], *variables[VARIABLES];
static const char *const flags[] = {NODE_FLAGS};

static _Noreturn void fail(const char *message) {
    call(__NR_write, 2, message, length(message), 0);
    leave(2);
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
            call(__NR_execve, node, arguments, variables, 0);
        }
        path += n + (path[n] == ':');
    }
}

/* The kernel tells it behind the environment: getauxval(3). */
static uint32_t effective_uid(const long *auxiliary) {
    while (auxiliary[0] != 0 && auxiliary[0] != AT_EUID) auxiliary += 2;
    return auxiliary[0] == AT_EUID ? (uint32_t)auxiliary[1] : 0;
}

/* Joins the user's namespaces, should there be any: the variable that says so, or nothing. src/rootless/place.ts */
static const char *as_root_of_its_own(const char *runtime, const char *fresh, uint32_t uid) {
    static char socket[PATH_SIZE], variable[40];
    char digits[21];
    size_t n = runtime[0] == '/' ? append(socket, 0, runtime, length(runtime)) : append(socket, 0, "/tmp", 4);
    unsigned count = decimal(digits, uid);
    if (runtime[0] == '/') n = append(socket, n, "/mdocker", 8);
    else n = append(socket, append(socket, n, "/mdocker-", 9), digits, count);
    n = append(socket, n, "/holder/socket", 14);
    /* Who has just started the holder comes before all others: src/rootless/make.ts. */
    if (fresh[0]) append(socket, append(socket, n, ".", 1), fresh, length(fresh));
    int joined = join_namespaces(socket, uid);
    if (joined < 0) fail("mdocker: the user's namespaces cannot be joined: see mdocker doctor --rootless\n");
    append(variable, append(variable, 0, "MDOCKER_ROOTLESS=", 17), digits, count);
    return joined > 0 ? variable : 0;
}

_Noreturn void begin(const long *stack) {
    long count = stack[0];
    const char *const *words = (const char *const *)(stack + 1);
    const char *const *environment = words + count + 1;

    long size = call(__NR_readlinkat, -100 /* AT_FDCWD */, "/proc/self/exe", self, PATH_SIZE - 1);
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
    const char *path = "/usr/local/bin:/usr/bin:/bin", *runtime = "", *fresh = "";
    for (n = 0; *environment; environment++) {
        if (begins(*environment, "NODE_EXTRA_CA_CERTS=") || begins(*environment, "NODE_OPTIONS=")) continue;
        if (begins(*environment, "MDOCKER_ROOTLESS=")) continue;
        if (begins(*environment, "MDOCKER_NEW_HOLDER=")) fresh = *environment + 19;
        if (begins(*environment, "XDG_RUNTIME_DIR=")) runtime = *environment + 16;
        if (begins(*environment, "PATH=")) path = *environment + 5;
        if (n >= VARIABLES - 1) fail("mdocker: too many environment variables\n");
        variables[n++] = *environment;
    }
    uint32_t uid = effective_uid((const long *)(environment + 1));
    if (uid != 0 && !(count > 1 && begins(words[1], "doctor"))) variables[n] = as_root_of_its_own(runtime, fresh, uid);
    become_node(path);
    fail("mdocker: node is not found along PATH: install Node 20 or later\n");
}
