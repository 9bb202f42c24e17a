/* SPDX-License-Identifier: Apache-2.0 */
#include "apparmor.h"

/* Deny rules win over `file`. Reading of a neighbour's /proc/PID counts as
 * ptrace read: ps needs it. TERM and KILL come from the unconfined runtime. */
static const char text[] =
	"abi <abi/3.0>,\n"
	"profile " APPARMOR_PROFILE " flags=(attach_disconnected,mediate_deleted) {\n"
	"	file,\n"
	"	network inet stream,\n"
	"	network inet dgram,\n"
	"	network inet6 stream,\n"
	"	network inet6 dgram,\n"
	"	network netlink raw,\n"
	"	network unix,\n"
	"	unix,\n"
	"	signal (send, receive) peer=" APPARMOR_PROFILE ",\n"
	"	signal (receive) peer=unconfined,\n"
	"	ptrace (read, readby) peer=" APPARMOR_PROFILE ",\n"
	"	ptrace (readby) peer=unconfined,\n"
	"\n"
	"	deny capability,\n"
	"	deny mount,\n"
	"	deny remount,\n"
	"	deny umount,\n"
	"	deny pivot_root,\n"
	"	deny change_profile,\n"
	"	deny network packet,\n"
	"	deny network vsock,\n"
	"\n"
	"	deny /proc/sys/** wklx,\n"
	"	deny /proc/sysrq-trigger rwklx,\n"
	"	deny /proc/{acpi,asound,bus,fs,irq,scsi}/** wklx,\n"
	"	deny /proc/{kcore,keys,kallsyms,kmsg,kpagecount,kpageflags} rwklx,\n"
	"	deny /proc/{timer_list,timer_stats,sched_debug,latency_stats} rwklx,\n"
	"	deny /proc/{interrupts,iomem,ioports,slabinfo,vmallocinfo} rwklx,\n"
	"	deny /proc/*/{mem,attr/**} wklx,\n"
	"	deny /sys/** wklx,\n"
	"	deny /sys/{firmware,kernel,power,fs/cgroup,devices/virtual/powercap}/** rwklx,\n"
	"	deny /dev/{mem,kmem,port,kmsg,fuse,kvm,loop-control,mapper/control} rwklx,\n"
	"}\n";

const char *
apparmor_text(void)
{
	return text;
}
