/*
 * calls FILTER            installs the seccomp filter (struct sock_filter[]; "-" for none) and tries system calls that
 *                         could reach past a container, each in a process of its own: one line "name result" each, where
 *                         the result is `ok`, an errno, or `signal N`. Every call is harmless also when it is let through:
 *                         arguments are such that the kernel refuses them, or it changes only the dying process.
 * calls FILTER COMMAND... installs the filter and runs the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void install(const char *path)
{
	static struct sock_filter filter[4097];
	struct sock_fprog program = { .filter = filter };
	ssize_t length;
	int fd;

	if (strcmp(path, "-") == 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, filter, sizeof filter);
	program.len = length / sizeof filter[0];
	if (length <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, 1, 0, &program) < 0) {
		perror("filter");
		exit(99);
	}
	close(fd);
}

/* Ends the process: errno, or 0, is its exit status. */
static void finish(long result)
{
	_exit(result < 0 ? errno : 0);
}

static void made_process(long pid)
{
	if (pid == 0)
		_exit(0);
	finish(pid);
}

#ifdef __x86_64__
/* A 32-bit call of the same process. */
static long call32(long nr, long a, long b)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(0L), "S"(0L), "D"(0L) : "memory", "r8", "r9", "r10", "r11");
	if ((int)result < 0) {
		errno = -(int)result;
		return -1;
	}
	return result;
}

static void socketcall_alg(void)
{
	unsigned int *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	args[0] = 38;
	args[1] = SOCK_SEQPACKET;
	args[2] = 0;
	finish(call32(102, 1, (long)args));
}
/* User Mode Linux takes the same instruction for a 64-bit call. */
static void compat_getpid(void)
{
	errno = ENOTSUP;
	finish(call32(20, 0, 0) == getpid() ? 0 : -1);
}
static void compat_socket_alg(void) { finish(call32(359, 38, SOCK_SEQPACKET)); }
static void x32_getpid(void) { finish(syscall(0x40000000 | 39)); }
static void iopl3(void) { finish(syscall(SYS_iopl, 3)); }
#endif

static void mount_proc(void) { finish(syscall(SYS_mount, "none", "/nonexistent", "proc", 0, NULL)); }
static void umount_none(void) { finish(syscall(SYS_umount2, "/nonexistent", 0)); }
static void pivot(void) { finish(syscall(SYS_pivot_root, "/nonexistent", "/nonexistent")); }
static void open_tree_none(void) { finish(syscall(428, -1, "nonexistent", 0)); }
static void fsopen_none(void) { finish(syscall(430, "nonexistent", 0)); }
static void mount_setattr_none(void) { finish(syscall(442, -1, "nonexistent", 0, NULL, 0)); }
static void unshare_user(void) { finish(unshare(CLONE_NEWUSER)); }
static void unshare_uts(void) { finish(unshare(CLONE_NEWUTS)); }
static void unshare_files(void) { finish(unshare(CLONE_FILES | CLONE_FS)); }
static void setns_none(void) { finish(setns(-1, 0)); }
static void clone_user(void) { made_process(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static void clone_plain(void) { made_process(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
static void clone3_plain(void)
{
	struct { unsigned long long v[11]; } args = { { 0, 0, 0, 0, SIGCHLD } };

	made_process(syscall(435, &args, sizeof args));
}
static void future(void) { finish(syscall(2000)); }
static void socket_alg(void) { finish(socket(38, SOCK_SEQPACKET, 0)); }
static void socket_alg_wide(void) { finish(syscall(SYS_socket, 0x100000026UL, SOCK_SEQPACKET, 0)); }
static void socket_vsock(void) { finish(socket(40, SOCK_STREAM, 0)); }
static void socket_can(void) { finish(socket(29, SOCK_RAW, 1)); }
static void socket_inet(void) { finish(socket(AF_INET, SOCK_STREAM, 0)); }
static void socket_unix(void) { finish(socket(AF_UNIX, SOCK_STREAM, 0)); }
static void socket_netlink(void) { finish(socket(AF_NETLINK, SOCK_RAW, 0)); }
static void personality_exec(void) { finish(syscall(SYS_personality, 0x400000)); }
static void personality_query(void) { finish(syscall(SYS_personality, 0xffffffffUL)); }
static void keyctl_id(void) { finish(syscall(SYS_keyctl, 0, -3, 1)); }
static void add_key_none(void) { finish(syscall(SYS_add_key, "nonexistent", "x", NULL, 0, -3)); }
static void request_key_none(void) { finish(syscall(SYS_request_key, "nonexistent", "x", NULL, 0)); }
static void bpf_none(void) { finish(syscall(SYS_bpf, 9999, NULL, 0)); }
static void perf_none(void) { finish(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static void ptrace_me(void) { finish(syscall(SYS_ptrace, 0, 0, 0, 0)); }
static void vm_readv(void) { finish(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)); }
static void uffd(void) { finish(syscall(SYS_userfaultfd, O_CLOEXEC)); }
static void uring(void) { finish(syscall(425, 0, NULL)); }
static void syslog_size(void) { finish(syscall(SYS_syslog, 10, NULL, 0)); }
static void init_module_none(void) { finish(syscall(SYS_init_module, NULL, 0, "")); }
static void delete_module_none(void) { finish(syscall(SYS_delete_module, "nonexistent", O_NONBLOCK)); }
static void kexec_none(void) { finish(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL)); }
static void reboot_none(void) { finish(syscall(SYS_reboot, 0, 0, 0, NULL)); }
static void acct_none(void) { finish(syscall(SYS_acct, "/nonexistent/acct")); }
static void swapon_none(void) { finish(syscall(SYS_swapon, "/nonexistent", 0)); }
static void sethostname_none(void) { finish(syscall(SYS_sethostname, NULL, -1)); }
static void clock_set(void)
{
	struct timespec never = { .tv_sec = 0, .tv_nsec = -1 };

	finish(syscall(SYS_clock_settime, CLOCK_REALTIME, &never));
}
static void by_handle(void) { finish(syscall(SYS_open_by_handle_at, -1, NULL, 0)); }
static void quotactl_none(void) { finish(syscall(SYS_quotactl, 0, "/nonexistent", 0, NULL)); }
static void fanotify_none(void) { finish(syscall(SYS_fanotify_init, ~0U, 0)); }
static void mbind_none(void) { finish(syscall(SYS_mbind, 0, 0, ~0U, NULL, 0, 0)); }

static const struct { const char *name; void (*run)(void); } calls[] = {
	{ "mount", mount_proc }, { "umount2", umount_none }, { "pivot_root", pivot }, { "open_tree", open_tree_none },
	{ "fsopen", fsopen_none }, { "mount_setattr", mount_setattr_none }, { "unshare(NEWUSER)", unshare_user },
	{ "unshare(NEWUTS)", unshare_uts }, { "unshare(FILES)", unshare_files }, { "setns", setns_none },
	{ "clone(NEWUSER)", clone_user }, { "clone", clone_plain }, { "clone3", clone3_plain }, { "newer call", future },
	{ "socket(ALG)", socket_alg }, { "socket(ALG+2^32)", socket_alg_wide }, { "socket(VSOCK)", socket_vsock },
	{ "socket(CAN)", socket_can }, { "socket(INET)", socket_inet }, { "socket(UNIX)", socket_unix },
	{ "socket(NETLINK)", socket_netlink }, { "personality(READ_IMPLIES_EXEC)", personality_exec },
	{ "personality(query)", personality_query }, { "keyctl", keyctl_id }, { "add_key", add_key_none },
	{ "request_key", request_key_none }, { "bpf", bpf_none }, { "perf_event_open", perf_none }, { "ptrace", ptrace_me },
	{ "process_vm_readv", vm_readv }, { "userfaultfd", uffd }, { "io_uring_setup", uring }, { "syslog", syslog_size },
	{ "init_module", init_module_none }, { "delete_module", delete_module_none }, { "kexec_load", kexec_none },
	{ "reboot", reboot_none }, { "acct", acct_none }, { "swapon", swapon_none }, { "sethostname", sethostname_none },
	{ "clock_settime", clock_set }, { "open_by_handle_at", by_handle }, { "quotactl", quotactl_none },
	{ "fanotify_init", fanotify_none }, { "mbind", mbind_none },
#ifdef __x86_64__
	{ "iopl", iopl3 }, { "32-bit getpid", compat_getpid }, { "32-bit socket(ALG)", compat_socket_alg },
	{ "32-bit socketcall(ALG)", socketcall_alg }, { "x32 getpid", x32_getpid },
#endif
};

int main(int argc, char **argv)
{
	const struct rlimit no_core = { 0, 0 };

	if (argc < 2)
		return 98;
	setrlimit(RLIMIT_CORE, &no_core);
	if (argc > 2) {
		install(argv[1]);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		return 127;
	}
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			install(argv[1]);
			calls[i].run();
			_exit(97);
		}
		waitpid(child, &status, 0);
		if (WIFSIGNALED(status))
			printf("%s\tsignal %d\n", calls[i].name, WTERMSIG(status));
		else
			printf("%s\t%s\n", calls[i].name, WEXITSTATUS(status) == 0 ? "ok" : strerrorname_np(WEXITSTATUS(status)));
	}
	return 0;
}
