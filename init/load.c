/*
 * load: what the containers of `mdocker lab sched` run. It takes CPU time, memory, processes or disk, and tells on stdout
 * what it notices, a line each. It says `ready` and begins at a byte on stdin, so that several begin at once; after
 * SECONDS, or when the other end of stdin is closed, it ends whatever happens, so that nobody has to look for it.
 *
 *   load SECONDS spin [NICE...]      busy; with NICE a process for each, of that niceness
 *   load SECONDS timer US            sleeps US microseconds again and again: how many microseconds too late it woke up
 *   load SECONDS gaps                busy; each time that it did not run for a millisecond: when, and for how long (us)
 *   load SECONDS memory STEP TOTAL   takes memory by STEP KiB up to TOTAL, every 10 ms: how many KiB it has, and when (us)
 *   load SECONDS memory-bomb         takes all memory that it gets, and when that has ended it, again: how many times
 *   load SECONDS forks COUNT         as many processes as it gets, COUNT at most, which wait: how many, and `refused ERRNO`
 *   load SECONDS bomb                forks for ever, and so does each that is forked
 *   load SECONDS disk PATH KIB       writes and syncs a file of KIB again and again: how many times it has
 */
#include "calls.h"
#include <linux/fcntl.h>
#include <linux/mman.h>

#define SIGKILL 9
#define SIGCHLD 17
#define CHUNK 65536

static char text[8192];
static unsigned used;

static void flush(void) {
    for (unsigned sent = 0; sent < used;) {
        long n = call(__NR_write, 1, text + sent, used - sent, 0);
        if (n <= 0) leave(1);
        sent += (unsigned)n;
    }
    used = 0;
}

static void put(const char *word) {
    while (*word) text[used++] = *word++;
}

static void put_number(uint64_t value, char after) {
    used += decimal(text + used, value);
    text[used++] = after;
    if (used > sizeof text - 64) flush();
}

static uint64_t microseconds(void) {
    int64_t now[2] = {0, 0};
    call(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, now, 0, 0);
    return (uint64_t)now[0] * 1000000 + (uint64_t)now[1] / 1000;
}

static void sleep_until(uint64_t at) {
    int64_t then[2] = {(int64_t)(at / 1000000), (int64_t)(at % 1000000 * 1000)};
    while (call(__NR_clock_nanosleep, 1, 1 /* TIMER_ABSTIME */, then, 0) == -EINTR) {}
}

static _Noreturn void wait_for_ever(void) {
    for (;;) call(__NR_ppoll, 0, 0, 0, 0);
}

static long fork(void) {
    long pid = call6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0) call(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0);
    return pid;
}

static _Noreturn void spin(int count, const char *const *nices) {
    for (int i = 0; i < count; i++) {
        if (fork() != 0) continue;
        call(__NR_setpriority, 0, 0, number(nices[i]), 0);
        for (;;) __asm__ volatile("" ::: "memory");
    }
    if (count > 0) wait_for_ever();
    for (;;) __asm__ volatile("" ::: "memory");
}

static _Noreturn void timer(uint64_t every) {
    uint64_t told = microseconds();
    for (;;) {
        uint64_t due = microseconds() + every;
        sleep_until(due);
        uint64_t now = microseconds();
        put_number(now - due, '\n');
        if (now - told < 50000) continue;
        flush();
        told = now;
    }
}

static _Noreturn void gaps(void) {
    for (uint64_t before = microseconds();;) {
        uint64_t now = microseconds();
        if (now - before > 1000) {
            put_number(before, ' ');
            put_number(now - before, '\n');
            flush();
            now = microseconds();
        }
        before = now;
    }
}

static _Noreturn void memory(uint64_t step, uint64_t total) {
    for (uint64_t taken = 0; taken < total; taken += step) {
        long at = call6(__NR_mmap, 0, (long)(step * 1024), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at < 0 && at > -4096) leave(1);
        for (uint64_t i = 0; i < step * 1024; i += 4096) ((volatile char *)at)[i] = 1;
        put_number(taken + step, ' ');
        put_number(microseconds(), '\n');
        flush();
        sleep_until(microseconds() + 10000);
    }
    wait_for_ever();
}

static _Noreturn void memory_bomb(void) {
    for (uint64_t times = 1;; times++) {
        if (fork() == 0) {
            for (;;) {
                long at = call6(__NR_mmap, 0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (at < 0 && at > -4096) leave(1);
                for (uint64_t i = 0; i < 1 << 20; i += 4096) ((volatile char *)at)[i] = 1;
            }
        }
        int status;
        call(__NR_wait4, -1, &status, 0, 0);
        put_number(times, '\n');
        flush();
    }
}

static _Noreturn void forks(uint64_t most) {
    uint64_t count = 1;
    long refused = 0;
    while (count < most) {
        long pid = fork();
        if (pid == 0) wait_for_ever();
        if (pid < 0) {
            refused = -pid;
            break;
        }
        count++;
    }
    put_number(count, '\n');
    if (refused) {
        put("refused ");
        put_number((uint64_t)refused, '\n');
    }
    flush();
    wait_for_ever();
}

static _Noreturn void disk(const char *path, uint64_t kib) {
    static char block[CHUNK];
    long fd = call(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) leave(1);
    for (uint64_t times = 1;; times++) {
        for (uint64_t at = 0; at < kib * 1024; at += CHUNK) call(__NR_pwrite64, fd, block, CHUNK, at);
        call(__NR_fsync, fd, 0, 0, 0);
        put_number(times, '\n');
        flush();
    }
}

static int is(const char *one, const char *other) {
    while (*one && *one == *other) one++, other++;
    return *one == *other;
}

_Noreturn void begin(const long *stack) {
    int count = (int)stack[0];
    const char *const *words = (const char *const *)(stack + 1);
    if (count < 3) leave(2);
    int64_t end[4] = {0, 0, (int64_t)number(words[1]), 0};
    call(__NR_setitimer, 0 /* ITIMER_REAL: SIGALRM */, end, 0, 0);
    put("ready\n");
    flush();
    char byte;
    if (call(__NR_read, 0, &byte, 1, 0) <= 0) leave(0);
    /* SIGIO, which ends us, when there is more to see on stdin: its end. */
    call(__NR_fcntl, 0, 8 /* F_SETOWN */, call(__NR_getpid, 0, 0, 0, 0), 0);
    call(__NR_fcntl, 0, 4 /* F_SETFL */, 020000 /* O_ASYNC */, 0);
    const char *mode = words[2];
    if (is(mode, "spin")) spin(count - 3, words + 3);
    if (is(mode, "timer") && count == 4) timer(number(words[3]));
    if (is(mode, "gaps")) gaps();
    if (is(mode, "memory") && count == 5) memory(number(words[3]), number(words[4]));
    if (is(mode, "memory-bomb")) memory_bomb();
    if (is(mode, "forks") && count == 4) forks(number(words[3]));
    if (is(mode, "bomb")) for (;;) fork();
    if (is(mode, "disk") && count == 5) disk(words[3], number(words[4]));
    leave(2);
}
