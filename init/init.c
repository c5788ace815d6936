/*
 * init: the launcher, pid 1 and monitor of a container. It knows nothing about containers.
 *
 * It maps a program (src/program writes it) from an inherited, sealed memfd and runs its first part: a table of
 * system calls. One step of it clones; the clone goes on at another part. When a part ends, its process takes a role:
 *
 *   part LAUNCH  -> monitor: wait for the child, write the exit record, tell the parent, run part AFTER; if the parent
 *                   is gone, run part ALONE too
 *   part CHILD   -> init (pid 1): forward signals, reap orphans, exit as the command did
 *   part COMMAND -> never ends: its last step is execve
 *
 * No libc, no heap, no environment: a few pages of memory for each of the two processes that stay. The numbers and
 * structures below are the contract with src/program/layout.ts.
 */
#include "calls.h"
#include <linux/fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/mman.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/stat.h>

#define PROGRAM_FD 3                 /* where the program is inherited */
#define PROGRAM_ADDRESS 0x20000000UL /* where it is mapped: its pointers are absolute */
#define PROGRAM_MAGIC 0x315645444f434b44ULL
#define MAX_ERRNO 4095

enum op { OP_SYSCALL, OP_CLONE, OP_CHECK, OP_CHECK_NOT };
enum part { PART_LAUNCH, PART_CHILD, PART_COMMAND, PART_AFTER, PART_ALONE, PARTS };
enum flag { FLAG_INIT = 1, FLAG_HANGUP_KILLS = 2, FLAG_LINGERS = 4 };
enum message { MESSAGE_CLONED = 1, MESSAGE_FAILED = 2, MESSAGE_EXITED = 3, MESSAGE_TIMED = 4 };

struct step {
    uint16_t op;
    uint16_t part;         /* OP_CLONE: where the clone goes on */
    uint16_t skip;         /* after a tolerated error: how many steps to pass over */
    uint16_t from_result;  /* bit i: argument i is the index of a step whose result is meant */
    int64_t number;        /* system call */
    uint16_t tolerate[4];  /* errnos that are no failure; 0 ends the list */
    uint64_t save;         /* address where the result is stored too, as int32 (or 0) */
    uint64_t argument[6];
    int64_t result;
};

struct program {
    uint64_t magic;
    uint64_t size;
    uint32_t flags;
    int32_t control_fd;    /* to the parent: what the launcher and monitor have to say */
    int32_t sync_fd;       /* to the parent: what child and command have to say; closes on execve */
    int32_t record_fd;     /* directory of the exit record, or -1 */
    uint64_t record_name;  /* addresses of its names: final, and temporary until complete */
    uint64_t record_temporary;
    uint64_t watch[4];     /* addresses of paths of files whose content goes into the exit record */
    struct { uint32_t first, count; } part[PARTS];
    int32_t trace_fd;      /* to the parent: how long each step took, or -1 */
    int32_t unused;
    struct step step[];
};

struct message_bytes {
    uint32_t type, part, step;
    int32_t error;
    int64_t value;
};

static struct program *const program = (struct program *)PROGRAM_ADDRESS;

static int failed(long result) { return result < 0 && result >= -MAX_ERRNO; }

static void send(int fd, uint32_t type, uint32_t part, uint32_t step, int error, int64_t value) {
    struct message_bytes m = {type, part, step, error, value};
    /* MSG_NOSIGNAL: the parent may be gone, and that must not end us with SIGPIPE. */
    call6(__NR_sendto, fd, (long)&m, sizeof m, 0x4000, 0, 0);
}

static int64_t nanoseconds(void) {
    int64_t now[2] = {0, 0};
    call(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, now, 0, 0);
    return now[0] * 1000000000 + now[1];
}

static int tolerated(const struct step *s, long error) {
    for (unsigned i = 0; i < 4 && s->tolerate[i]; i++)
        if (s->tolerate[i] == error) return 1;
    return 0;
}

/* OP_CHECK: memory at argument 0, argument 1 bytes wide, masked by 2, must equal 3 (OP_CHECK_NOT: must not); else the errno is argument 4. */
static long check(const uint64_t *a, int equal) {
    uint64_t seen = 0;
    const uint8_t *bytes = (const uint8_t *)a[0];
    for (uint64_t i = 0; i < a[1]; i++) seen |= (uint64_t)bytes[i] << (8 * i);
    return ((seen & a[2]) == a[3]) == equal ? 0 : -(long)a[4];
}

/*
 * Runs part `p`; `lenient` goes on after failures. A failure that is not tolerated is reported and ends the process.
 * Returns the part that this process has become the end of: a clone returns as the part it was cloned for.
 */
static unsigned run(unsigned p, int lenient) {
    for (uint32_t i = 0; i < program->part[p].count; i++) {
        uint32_t index = program->part[p].first + i;
        struct step *s = &program->step[index];
        uint64_t a[6];
        for (unsigned k = 0; k < 6; k++)
            a[k] = s->from_result & (1u << k) ? (uint64_t)program->step[s->argument[k]].result : s->argument[k];
        int64_t begin = program->trace_fd < 0 ? 0 : nanoseconds();
        long r = s->op >= OP_CHECK ? check(a, s->op == OP_CHECK) : call6(s->number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (program->trace_fd >= 0) {
            struct message_bytes m = {MESSAGE_TIMED, p, index, 0, nanoseconds() - begin};
            call(__NR_write, program->trace_fd, &m, sizeof m, 0);
        }
        if (failed(r)) {
            if (tolerated(s, -r)) {
                i += s->skip;
            } else if (!lenient) {
                int fd = p == PART_LAUNCH ? program->control_fd : program->sync_fd;
                send(fd, MESSAGE_FAILED, p, index, (int)-r, 0);
                leave(-r == ENOENT || -r == ENOTDIR ? 127 : 126);
            }
        }
        s->result = r;
        if (s->save) *(int32_t *)s->save = (int32_t)r;
        if (s->op == OP_CLONE) {
            if (r == 0) {          /* the clone: from here on it runs its own part, in its own copy of the table */
                p = s->part;
                i = (uint32_t)-1;
            } else if (p == PART_LAUNCH && r > 0) {
                send(program->control_fd, MESSAGE_CLONED, p, index, 0, r);
            }
        }
    }
    return p;
}

/* The pid that part `p` cloned: the result of its last OP_CLONE step. */
static long cloned_by(unsigned p) {
    for (uint32_t i = program->part[p].count; i-- > 0;) {
        struct step *s = &program->step[program->part[p].first + i];
        if (s->op == OP_CLONE) return s->result;
    }
    return -1;
}

static int exit_code(int status) {
    return (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);
}

/*
 * Pid 1: every signal is blocked, so that each waits to be fetched here, also those that the kernel would drop for a
 * pid 1 without handlers. Children are reaped, everything else goes to the command. When the command has ended we end
 * with its status, and the kernel ends the rest of the pid namespace. A seccomp filter allows the calls made here alone
 * (src/security/seccomp/init-filter.ts).
 */
static _Noreturn void be_init(long command) {
    /* No descriptor may stay open here: a pipe held by pid 1 would never reach end of file. */
    call(__NR_close_range, 0, ~0U, 0, 0);
    call(__NR_munmap, PROGRAM_ADDRESS, program->size, 0, 0);
    uint64_t all = ~0ULL;
    for (;;) {
        long signal = call(__NR_rt_sigtimedwait, &all, 0, 0, sizeof all);
        if (signal != SIGCHLD) {
            if (signal > 0) call(__NR_kill, command, signal, 0, 0);
            continue;
        }
        for (;;) {
            int status;
            long pid = call(__NR_wait4, -1, &status, 1 /* WNOHANG */, 0);
            if (pid == command) leave(exit_code(status));
            if (pid <= 0) break;
        }
    }
}

static void copy_file(int to, const char *path) {
    char buffer[512];
    long fd = call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    for (long n; !failed(fd) && (n = call(__NR_read, fd, buffer, sizeof buffer, 0)) > 0;)
        call(__NR_write, to, buffer, n, 0);
    if (!failed(fd)) call(__NR_close, fd, 0, 0, 0);
}

/*
 * The exit record: one line `WAIT-STATUS SECONDS NANOSECONDS`, then the watched files as they are. Written beside its
 * place and renamed into it, so that a reader finds all of it or nothing.
 */
static void write_record(int status) {
    if (program->record_fd < 0) return;
    const char *name = (const char *)program->record_name, *temporary = (const char *)program->record_temporary;
    long fd = call(__NR_openat, program->record_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (failed(fd)) return;
    int64_t now[2] = {0, 0};
    call(__NR_clock_gettime, 0 /* CLOCK_REALTIME */, now, 0, 0);
    char line[80];
    unsigned n = decimal(line, (uint32_t)status);
    line[n++] = ' ';
    n += decimal(line + n, (uint64_t)now[0]);
    line[n++] = ' ';
    n += decimal(line + n, (uint64_t)now[1]);
    line[n++] = '\n';
    call(__NR_write, fd, line, n, 0);
    for (unsigned i = 0; i < 4 && program->watch[i]; i++) copy_file((int)fd, (const char *)program->watch[i]);
    call(__NR_close, fd, 0, 0, 0);
    call(__NR_renameat2, program->record_fd, temporary, program->record_fd, name);
}

/*
 * The host-side parent of pid 1. It outlives whoever started it; when that one is gone and the container was its
 * foreground job, the container ends too. A byte from the parent says that it has done its part: from then on the
 * monitor takes away what the container leaves. A signal mask that blocks all keeps stray signals away.
 */
static _Noreturn void be_monitor(long child) {
    int pidfd = (int)call(__NR_pidfd_open, child, 0, 0, 0);
    if (program->trace_fd >= 0) call(__NR_close, program->trace_fd, 0, 0, 0);
    int alone = program->control_fd < 0, released = alone;
    /* What the launch wrote is no longer needed: drop the pages, they come back from the memfd when touched. */
    call(__NR_madvise, PROGRAM_ADDRESS, program->size, 4 /* MADV_DONTNEED */, 0);
    struct poll_entry p[2] = {{pidfd, POLLIN, 0}, {program->control_fd, POLLIN, 0}};
    for (;;) {
        call(__NR_ppoll, p, 2, 0, 0);
        if (p[1].revents) {
            char byte;
            if (call(__NR_read, p[1].fd, &byte, 1, 0) > 0) {
                released = 1;
                continue;
            }
            p[1].fd = -1;
            p[1].revents = 0;
            alone = released = 1;
            if (program->flags & FLAG_HANGUP_KILLS) {
                call(__NR_kill, child, SIGKILL, 0, 0);
                /* What an exec has started, too: pid 1 of a container leads no group, and takes all others with it. */
                call(__NR_kill, -child, SIGKILL, 0, 0);
            }
        }
        if (p[0].revents) break;
    }
    int status = 0;
    call(__NR_wait4, child, &status, 0, 0);
    write_record(status);
    if (program->control_fd >= 0) send(program->control_fd, MESSAGE_EXITED, 0, 0, 0, status);
    /* It may be killed before its starter has let it run: whoever began to read what we hold goes on only by what we say. */
    if (!released && program->flags & FLAG_LINGERS) {
        char byte;
        alone = call(__NR_read, program->control_fd, &byte, 1, 0) <= 0;
        released = 1;
    }
    if (released) run(PART_AFTER, 1);
    if (alone) run(PART_ALONE, 1);
    leave(0);
}

static int map_program(void) {
    struct stat about;
    if (failed(call(__NR_fstat, PROGRAM_FD, &about, 0, 0))) return 0;
    long at = call6(__NR_mmap, PROGRAM_ADDRESS, about.st_size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | 0x100000 /* MAP_FIXED_NOREPLACE */, PROGRAM_FD, 0);
    if (at != (long)PROGRAM_ADDRESS) return 0;
    if (program->magic != PROGRAM_MAGIC || program->size != (uint64_t)about.st_size) return 0;
    return 1;
}

_Noreturn void begin(const long *stack) {
    (void)stack;
    if (!map_program()) {
        static const char hint[] = "mdocker-init: this program is started by mdocker only\n";
        call(__NR_write, 2, hint, sizeof hint - 1, 0);
        leave(2);
    }
    switch (run(PART_LAUNCH, 0)) {
    case PART_LAUNCH:
        be_monitor(cloned_by(PART_LAUNCH));
    case PART_CHILD:
        be_init(cloned_by(PART_CHILD));
    default:
        leave(126);
    }
}
