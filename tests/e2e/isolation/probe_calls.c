/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls, each with arguments that get as far as they can without doing
 * harm: what needs privilege is refused before they are looked at, and with
 * privilege ends in "ok" or in a complaint about the arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static char buffer[4096];

#define CALL(name, expression)                                                                     \
	static long try_##name(void)                                                               \
	{                                                                                          \
		return (long)(expression);                                                         \
	}
#define S syscall

/* Namespaces and mounts: the way to the kernel's surface for namespace roots. */
CALL(unshare_user, S(SYS_unshare, CLONE_NEWUSER))
CALL(unshare_mount, S(SYS_unshare, CLONE_NEWNS))
CALL(unshare_net, S(SYS_unshare, CLONE_NEWNET))
CALL(unshare_time, S(SYS_unshare, CLONE_NEWTIME))
CALL(setns, S(SYS_setns, open("/proc/self/ns/uts", O_RDONLY), 0))

static long
try_clone_flags(unsigned long flags)
{
	long pid = S(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? pid : 0;
}
CALL(clone_user, try_clone_flags(CLONE_NEWUSER))
CALL(clone_pid, try_clone_flags(CLONE_NEWPID))
CALL(clone_net, try_clone_flags(CLONE_NEWNET))
CALL(clone_plain, try_clone_flags(0))

static long
try_clone3(void)
{
	unsigned long long args[11] = { [4] = SIGCHLD };
	long pid = S(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid < 0 ? pid : 0;
}
CALL(mount, S(SYS_mount, "none", "/tmp", "tmpfs", 0, "size=4k"))
CALL(umount, S(SYS_umount2, "/tmp/none", 0))
CALL(pivot_root, S(SYS_pivot_root, "/none", "/none"))
CALL(chroot, S(SYS_chroot, "/"))
CALL(open_tree, S(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */))
CALL(move_mount, S(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/none", 0))
CALL(fsopen, S(SYS_fsopen, "tmpfs", 0))
CALL(fsconfig, S(SYS_fsconfig, -1, 0, 0, 0, 0))
CALL(fsmount, S(SYS_fsmount, -1, 0, 0))
CALL(fspick, S(SYS_fspick, AT_FDCWD, "/none", 0))
CALL(mount_setattr, S(SYS_mount_setattr, AT_FDCWD, "/none", 0, buffer, 32))
CALL(quotactl, S(SYS_quotactl, 0x800001u << 8, NULL, 0, NULL)) /* Q_SYNC */
CALL(quotactl_fd, S(443, -1, 0, 0, NULL))

/* The machine. Wrong magic, missing files: complaints of a call that was let in. */
CALL(swapon, S(SYS_swapon, "/none", 0))
CALL(swapoff, S(SYS_swapoff, "/none"))
CALL(reboot, S(SYS_reboot, 1, 2, 3, NULL))
CALL(sethostname, S(SYS_sethostname, "x", 1))
CALL(setdomainname, S(SYS_setdomainname, "x", 1))
CALL(iopl, S(SYS_iopl, 0))
CALL(ioperm, S(SYS_ioperm, 0, 1, 0))
CALL(init_module, S(SYS_init_module, buffer, 1, ""))
CALL(finit_module, S(SYS_finit_module, -1, "", 0))
CALL(delete_module, S(SYS_delete_module, "none", O_NONBLOCK))
CALL(kexec_load, S(SYS_kexec_load, 0, 17, NULL, 0))
CALL(kexec_file_load, S(SYS_kexec_file_load, -1, -1, 0, "", 0))
CALL(syslog, S(SYS_syslog, 10, NULL, 0))
CALL(acct, S(SYS_acct, "/none"))
CALL(vhangup, S(SYS_vhangup))
CALL(settimeofday, S(SYS_settimeofday, NULL, NULL))
CALL(clock_settime, S(SYS_clock_settime, CLOCK_MONOTONIC, buffer))

static long
try_adjtimex(void)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 1 };

	return S(SYS_adjtimex, &t);
}

static long
try_clock_adjtime(void)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 1 };

	return S(SYS_clock_adjtime, CLOCK_REALTIME, &t);
}

/* Programs for the kernel, and other processes. */
static long
try_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	return S(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long
try_perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK };

	return S(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}
CALL(userfaultfd, S(SYS_userfaultfd, O_CLOEXEC))
CALL(io_uring_setup, S(SYS_io_uring_setup, 4, buffer))
CALL(io_uring_enter, S(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0))
CALL(io_uring_register, S(SYS_io_uring_register, -1, 0, NULL, 0))
CALL(ptrace, S(SYS_ptrace, 0 /* TRACEME */, 0, 0, 0))

static long
try_vm(long number)
{
	struct iovec one = { buffer, 8 }, two = { buffer + 8, 8 };

	return S(number, getpid(), &one, 1, &two, 1, 0);
}
CALL(process_vm_readv, try_vm(SYS_process_vm_readv))
CALL(process_vm_writev, try_vm(SYS_process_vm_writev))
CALL(process_madvise, S(SYS_process_madvise, -1, NULL, 0, 0, 0))
CALL(process_mrelease, S(448, -1, 0))
CALL(kcmp, S(SYS_kcmp, getpid(), getpid(), 0, 0, 0))
CALL(pidfd_getfd, S(SYS_pidfd_getfd, S(SYS_pidfd_open, getpid(), 0), 0, 0))
CALL(keyctl, S(SYS_keyctl, 0, -3, 1))
CALL(add_key, S(SYS_add_key, "user", "x", "y", 1, -2))
CALL(request_key, S(SYS_request_key, "user", "none", NULL, -2))

static long
try_name_to_handle(void)
{
	struct {
		unsigned bytes;
		int type;
		char handle[128];
	} h = { .bytes = 128 };
	int mount;

	return S(SYS_name_to_handle_at, AT_FDCWD, "/", &h, &mount, 0);
}
CALL(open_by_handle, S(SYS_open_by_handle_at, AT_FDCWD, buffer, 0))
CALL(modify_ldt, S(SYS_modify_ldt, 0, buffer, 16))
CALL(fanotify_init, S(SYS_fanotify_init, 0, O_RDONLY))
CALL(fanotify_mark, S(SYS_fanotify_mark, -1, 0, 0, 0, NULL))
CALL(mbind, S(SYS_mbind, buffer, 0, 0, NULL, 0, 0))
CALL(set_mempolicy, S(SYS_set_mempolicy, 0, NULL, 0))
CALL(get_mempolicy, S(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0))
CALL(migrate_pages, S(SYS_migrate_pages, 0, 0, NULL, NULL))
CALL(move_pages, S(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0))
CALL(personality, S(SYS_personality, ADDR_NO_RANDOMIZE))
CALL(lookup_dcookie, S(SYS_lookup_dcookie, 0, buffer, 0))

/* Families that lead around the packet filter or to the hypervisor. */
CALL(vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
CALL(packet, socket(AF_PACKET, SOCK_RAW, 0))
CALL(alg, socket(AF_ALG, SOCK_SEQPACKET, 0))
CALL(xdp, socket(44, SOCK_RAW, 0))
CALL(netfilter, socket(AF_NETLINK, SOCK_RAW, 12))
CALL(audit, socket(AF_NETLINK, SOCK_RAW, 9))
CALL(uevent, socket(AF_NETLINK, SOCK_DGRAM, 15))
CALL(raw, socket(AF_INET, SOCK_RAW, 1))
CALL(raw6, socket(AF_INET6, SOCK_RAW, 58))

/* Calls that are allowed, with arguments that are not. */
CALL(mknod_block, mknod("/tmp/b", S_IFBLK | 0600, 7 << 8))
CALL(mknod_mem, mknod("/tmp/m", S_IFCHR | 0600, 1 << 8 | 1))
CALL(nice, setpriority(PRIO_PROCESS, 0, -5))

static long
try_realtime(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return S(SYS_sched_setscheduler, 0, SCHED_FIFO, &p);
}

static long
try_files_more(void)
{
	struct rlimit r = { 0, 0 };

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_max++;
	return setrlimit(RLIMIT_NOFILE, &r);
}
CALL(kill_init, kill(1, SIGCONT))

/* The other two ways into the kernel: the 32-bit gate and the x32 numbers, for
 * which the filter's table does not hold. */
static long
try_gate32(void)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(20L)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return 0;
}
CALL(x32, S(0x40000000 + SYS_getpid) < 0 ? -1 : 0)

/* Allowed, and meant to be. */
CALL(unix_socket, socket(AF_UNIX, SOCK_STREAM, 0))
CALL(inet, socket(AF_INET, SOCK_STREAM, 0))
CALL(inet6, socket(AF_INET6, SOCK_DGRAM, 0))
CALL(route, socket(AF_NETLINK, SOCK_RAW, 0))
CALL(memfd, S(SYS_memfd_create, "x", 0))
CALL(pidfd_open, S(SYS_pidfd_open, getpid(), 0))
CALL(setuid_own, setuid(getuid()))
CALL(landlock, S(SYS_landlock_create_ruleset, NULL, 0, 1))
CALL(personality_ask, S(SYS_personality, 0xffffffff))
CALL(getrandom, S(SYS_getrandom, buffer, 8, 0))
CALL(mmap_shared, mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
CALL(inotify, S(SYS_inotify_init1, 0))
CALL(mkfifo, mkfifo("/tmp/f", 0600))

static const struct {
	const char *name;
	long (*attempt)(void);
} calls[] = {
	{ "unshare(user)", try_unshare_user },
	{ "unshare(mount)", try_unshare_mount },
	{ "unshare(net)", try_unshare_net },
	{ "unshare(time)", try_unshare_time },
	{ "setns", try_setns },
	{ "clone(user)", try_clone_user },
	{ "clone(pid)", try_clone_pid },
	{ "clone(net)", try_clone_net },
	{ "clone3", try_clone3 },
	{ "mount", try_mount },
	{ "umount2", try_umount },
	{ "pivot_root", try_pivot_root },
	{ "chroot", try_chroot },
	{ "open_tree", try_open_tree },
	{ "move_mount", try_move_mount },
	{ "fsopen", try_fsopen },
	{ "fsconfig", try_fsconfig },
	{ "fsmount", try_fsmount },
	{ "fspick", try_fspick },
	{ "mount_setattr", try_mount_setattr },
	{ "quotactl", try_quotactl },
	{ "quotactl_fd", try_quotactl_fd },
	{ "swapon", try_swapon },
	{ "swapoff", try_swapoff },
	{ "reboot", try_reboot },
	{ "sethostname", try_sethostname },
	{ "setdomainname", try_setdomainname },
	{ "iopl", try_iopl },
	{ "ioperm", try_ioperm },
	{ "init_module", try_init_module },
	{ "finit_module", try_finit_module },
	{ "delete_module", try_delete_module },
	{ "kexec_load", try_kexec_load },
	{ "kexec_file_load", try_kexec_file_load },
	{ "syslog", try_syslog },
	{ "acct", try_acct },
	{ "vhangup", try_vhangup },
	{ "settimeofday", try_settimeofday },
	{ "clock_settime", try_clock_settime },
	{ "adjtimex", try_adjtimex },
	{ "clock_adjtime", try_clock_adjtime },
	{ "bpf", try_bpf },
	{ "perf_event_open", try_perf },
	{ "userfaultfd", try_userfaultfd },
	{ "io_uring_setup", try_io_uring_setup },
	{ "io_uring_enter", try_io_uring_enter },
	{ "io_uring_register", try_io_uring_register },
	{ "ptrace", try_ptrace },
	{ "process_vm_readv", try_process_vm_readv },
	{ "process_vm_writev", try_process_vm_writev },
	{ "process_madvise", try_process_madvise },
	{ "process_mrelease", try_process_mrelease },
	{ "kcmp", try_kcmp },
	{ "pidfd_getfd", try_pidfd_getfd },
	{ "keyctl", try_keyctl },
	{ "add_key", try_add_key },
	{ "request_key", try_request_key },
	{ "name_to_handle_at", try_name_to_handle },
	{ "open_by_handle_at", try_open_by_handle },
	{ "modify_ldt", try_modify_ldt },
	{ "fanotify_init", try_fanotify_init },
	{ "fanotify_mark", try_fanotify_mark },
	{ "mbind", try_mbind },
	{ "set_mempolicy", try_set_mempolicy },
	{ "get_mempolicy", try_get_mempolicy },
	{ "migrate_pages", try_migrate_pages },
	{ "move_pages", try_move_pages },
	{ "personality(no random)", try_personality },
	{ "lookup_dcookie", try_lookup_dcookie },
	{ "socket(vsock)", try_vsock },
	{ "socket(packet)", try_packet },
	{ "socket(alg)", try_alg },
	{ "socket(xdp)", try_xdp },
	{ "socket(netfilter)", try_netfilter },
	{ "socket(audit)", try_audit },
	{ "socket(uevent)", try_uevent },
	{ "socket(raw)", try_raw },
	{ "socket(raw6)", try_raw6 },
	{ "mknod(block)", try_mknod_block },
	{ "mknod(mem)", try_mknod_mem },
	{ "setpriority(-5)", try_nice },
	{ "sched_setscheduler(fifo)", try_realtime },
	{ "setrlimit(more)", try_files_more },
	{ "int 0x80", try_gate32 },
	{ "x32", try_x32 },
	/* allowed */
	{ "clone", try_clone_plain },
	{ "socket(unix)", try_unix_socket },
	{ "socket(inet)", try_inet },
	{ "socket(inet6)", try_inet6 },
	{ "socket(route)", try_route },
	{ "memfd_create", try_memfd },
	{ "pidfd_open", try_pidfd_open },
	{ "setuid(own)", try_setuid_own },
	{ "landlock_create_ruleset", try_landlock },
	{ "personality(ask)", try_personality_ask },
	{ "getrandom", try_getrandom },
	{ "mmap", try_mmap_shared },
	{ "inotify_init1", try_inotify },
	{ "mknod(fifo)", try_mkfifo },
	{ "kill(1, CONT)", try_kill_init },
};

void
probe_calls(void)
{
	for (size_t i = 0; i < COUNT(calls); i++) {
		printf("call|%s|%s\n", calls[i].name, probe_try(calls[i].attempt));
		fflush(stdout);
	}
}
