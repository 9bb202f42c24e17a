/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp.h"

/* Deliberately absent, besides what needs privilege anyway: whatever makes or
 * enters namespaces (unshare, setns, the mount family, pivot_root, chroot), so
 * that the kernel's namespace-root surface stays shut; keyrings, bpf, perf,
 * userfaultfd, io_uring, ptrace and its kin, file handles, NUMA placement. */
static const char *const allowed[] = {
	"accept",
	"accept4",
	"access",
	"alarm",
	"arch_prctl",
	"bind",
	"brk",
	"capget",
	"capset",
	"chdir",
	"chmod",
	"chown",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"close",
	"close_range",
	"connect",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"epoll_wait_old",
	"eventfd",
	"eventfd2",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchown",
	"fchownat",
	"fcntl",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fork",
	"fremovexattr",
	"fsetxattr",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futex",
	"futex_waitv",
	"futimesat",
	"get_robust_list",
	"get_thread_area",
	"getcpu",
	"getcwd",
	"getdents",
	"getdents64",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getitimer",
	"getpeername",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getsid",
	"getsockname",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"getxattr",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"io_cancel",
	"io_destroy",
	"io_getevents",
	"io_setup",
	"io_submit",
	"ioctl",
	"ioprio_get",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"lchown",
	"lgetxattr",
	"link",
	"linkat",
	"listen",
	"listxattr",
	"llistxattr",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lstat",
	"madvise",
	"membarrier",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mkdir",
	"mknod",
	"mknodat",
	"mkdirat",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mprotect",
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedsend",
	"mq_unlink",
	"mremap",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"nanosleep",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pause",
	"pidfd_open",
	"pidfd_send_signal",
	"pipe",
	"pipe2",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"poll",
	"ppoll",
	"prctl",
	"pread64",
	"preadv",
	"preadv2",
	"prlimit64",
	"pselect6",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readlink",
	"readlinkat",
	"readv",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"remap_file_pages",
	"removexattr",
	"rename",
	"renameat",
	"renameat2",
	"restart_syscall",
	"rmdir",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_tgsigqueueinfo",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	"seccomp",
	"select",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"sendfile",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"setfsgid",
	"setfsuid",
	"setgid",
	"setgroups",
	"setitimer",
	"setpgid",
	"setpriority",
	"setregid",
	"setresgid",
	"setresuid",
	"setreuid",
	"setrlimit",
	"setsid",
	"setsockopt",
	"setuid",
	"setxattr",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	"shutdown",
	"sigaltstack",
	"signalfd",
	"signalfd4",
	"socketpair",
	"splice",
	"stat",
	"statfs",
	"statx",
	"symlink",
	"symlinkat",
	"sync",
	"sync_file_range",
	"syncfs",
	"sysinfo",
	"tee",
	"tgkill",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_settime",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	"times",
	"tkill",
	"truncate",
	"umask",
	"uname",
	"unlink",
	"unlinkat",
	"utime",
	"utimensat",
	"utimes",
	"vfork",
	"wait4",
	"waitid",
	"write",
	"writev",
};

/* CLONE_NEWNS|NEWCGROUP|NEWUTS|NEWIPC|NEWUSER|NEWPID|NEWNET */
#define CLONE_NEW_ANY INT64_C(0x7e020000)

#define SOCKET_UNIX	       1
#define SOCKET_INET	       2
#define SOCKET_INET6	       10
#define SOCKET_NETLINK	       16
#define NETLINK_ROUTE_PROTOCOL 0

#define ENOSYS_X86 38

static void
arg_write(struct jsonw *w, int index, const char *op, int64_t value)
{
	jsonw_open(w, '{');
	jsonw_name(w, "index");
	jsonw_int(w, index);
	jsonw_name(w, "value");
	jsonw_int(w, value);
	jsonw_name(w, "valueTwo");
	jsonw_int(w, 0);
	jsonw_member(w, "op", "%s", op);
	jsonw_close(w, '}');
}

/* { "names": [name], "action": ALLOW, "args": [ - left open for arg_write(). */
static void
rule_open(struct jsonw *w, const char *name)
{
	jsonw_open(w, '{');
	jsonw_name(w, "names");
	jsonw_open(w, '[');
	jsonw_str(w, name);
	jsonw_close(w, ']');
	jsonw_member(w, "action", "SCMP_ACT_ALLOW");
	jsonw_name(w, "args");
	jsonw_open(w, '[');
}

static void
rule_close(struct jsonw *w)
{
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static void
allowed_write(struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_name(w, "names");
	jsonw_open(w, '[');
	for (size_t i = 0; i < NELEMS(allowed); i++)
		jsonw_str(w, allowed[i]);
	jsonw_close(w, ']');
	jsonw_member(w, "action", "SCMP_ACT_ALLOW");
	jsonw_close(w, '}');
}

static void
clone_write(struct jsonw *w)
{
	rule_open(w, "clone");
	arg_write(w, 0, "SCMP_CMP_MASKED_EQ", CLONE_NEW_ANY);
	rule_close(w);
	/* Its flags are in memory, out of a filter's sight: "no such call" makes
	 * the C library fall back to clone. */
	jsonw_open(w, '{');
	jsonw_name(w, "names");
	jsonw_open(w, '[');
	jsonw_str(w, "clone3");
	jsonw_close(w, ']');
	jsonw_member(w, "action", "SCMP_ACT_ERRNO");
	jsonw_name(w, "errnoRet");
	jsonw_int(w, ENOSYS_X86);
	jsonw_close(w, '}');
}

/* Among the families that stay shut: vsock, the way to a hypervisor, which no
 * network namespace covers. */
static void
socket_write(struct jsonw *w)
{
	static const int families[] = { SOCKET_UNIX, SOCKET_INET, SOCKET_INET6 };

	for (size_t i = 0; i < NELEMS(families); i++) {
		rule_open(w, "socket");
		arg_write(w, 0, "SCMP_CMP_EQ", families[i]);
		rule_close(w);
	}
	rule_open(w, "socket");
	arg_write(w, 0, "SCMP_CMP_EQ", SOCKET_NETLINK);
	arg_write(w, 2, "SCMP_CMP_EQ", NETLINK_ROUTE_PROTOCOL);
	rule_close(w);
}

static void
personality_write(struct jsonw *w)
{
	static const int64_t harmless[] = { 0, 0x8, 0x20000, 0x20008, 0xffffffff };

	for (size_t i = 0; i < NELEMS(harmless); i++) {
		rule_open(w, "personality");
		arg_write(w, 0, "SCMP_CMP_EQ", harmless[i]);
		rule_close(w);
	}
}

void
seccomp_write(struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_member(w, "defaultAction", "SCMP_ACT_ERRNO");
	jsonw_name(w, "defaultErrnoRet");
	jsonw_int(w, 1);
	jsonw_name(w, "architectures");
	jsonw_open(w, '[');
	jsonw_str(w, "SCMP_ARCH_X86_64");
	jsonw_close(w, ']');
	jsonw_name(w, "syscalls");
	jsonw_open(w, '[');
	allowed_write(w);
	clone_write(w);
	socket_write(w);
	personality_write(w);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

bool
seccomp_allows(const char *name)
{
	for (size_t i = 0; i < NELEMS(allowed); i++)
		if (strcmp(allowed[i], name) == 0)
			return true;
	return false;
}
