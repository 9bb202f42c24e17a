/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/proc.h"

#define NEW_PER_S 20u
#define NEW_BURST 40u
#define FLOWS_MAX 100u
#define MBIT	  1000u

/* IANA's special-purpose registry: nothing there is "the world". Cloud metadata
 * services live in 169.254/16. */
#define DENY                                                                                       \
	"0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "       \
	"192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, "              \
	"198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4"

/* ------------------------------------------------------------------ */
/* Names and addresses.                                                */

static bool
prefix_is_good(const char *text)
{
	char address[NET_ADDRESS_SIZE];
	size_t len = strcspn(text, "/");
	struct in_addr in;
	char *end;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	if (text[len] == '\0')
		return true;
	return text[len + 1] >= '1' && text[len + 1] <= '9' &&
	       strtoul(text + len + 1, &end, 10) <= 32 && *end == '\0';
}

/* These strings go into a program for nft: nothing but the plain form may. */
int
net_config_check(const struct net_config *c, struct err *e)
{
	size_t len = strspn(c->tag, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (len == 0 || len > NET_TAG_MAX || c->tag[len] != '\0')
		return err_field(e, &ERR_CONFIG, "tag", "network tag \"%.20s\": 1 to %d of a-z 0-9",
				 c->tag, NET_TAG_MAX);
	if ((c->network & 0xffff) != 0)
		return err_field(e, &ERR_CONFIG, "network",
				 "the workloads' network must begin at a /16");
	if (c->in_mbit > NET_MBIT_MAX || c->out_mbit > NET_MBIT_MAX)
		return err_field(e, &ERR_CONFIG, "lease_in_mbit", "at most %u Mbit/s",
				 NET_MBIT_MAX);
	for (size_t i = 0; c->deny != NULL && c->deny[i] != NULL; i++)
		if (!prefix_is_good(c->deny[i]))
			return err_field(e, &ERR_CONFIG, "deny", "\"%.40s\" is not an IPv4 prefix",
					 c->deny[i]);
	for (size_t i = 0; c->resolvers != NULL && c->resolvers[i] != NULL; i++)
		if (!prefix_is_good(c->resolvers[i]) || strchr(c->resolvers[i], '/') != NULL)
			return err_field(e, &ERR_CONFIG, "resolvers",
					 "\"%.40s\" is not an IPv4 address", c->resolvers[i]);
	return 0;
}

/* The dash ends the tag: "gva-*" must not match another provider's "gvab-1". */
const char *
net_if(const struct net_config *c, uint16_t slot, char out[static NET_IF_SIZE])
{
	snprintf(out, NET_IF_SIZE, "gv%.4s-%u", c->tag, slot);
	return out;
}

const char *
net_address(const struct net_config *c, uint16_t slot, unsigned end,
	    char out[static NET_ADDRESS_SIZE])
{
	uint32_t at = c->network + 4u * slot + end;

	snprintf(out, NET_ADDRESS_SIZE, "%u.%u.%u.%u", at >> 24 & 255, at >> 16 & 255,
		 at >> 8 & 255, at & 255);
	return out;
}

/* ------------------------------------------------------------------ */
/* Programs for nft.                                                   */

static const char *
list_text(struct arena *a, const char *first, const char *const *more)
{
	const char *text = first;

	for (; more != NULL && *more != NULL; more++)
		text = text[0] != '\0' ? arena_printf(a, "%s, %s", text, *more) : *more;
	return text;
}

static const char *
element_text(struct arena *a, const struct net_config *c, const char *verb,
	     const struct net_lease *l)
{
	char name[NET_IF_SIZE], own[NET_ADDRESS_SIZE], other[NET_ADDRESS_SIZE];
	const char *text;

	net_if(c, l->slot, name);
	net_address(c, l->slot, 2, own);
	text = arena_printf(a, "%s element inet gavel_%s leases { \"%s\" . %s }\n", verb, c->tag,
			    name, own);
	for (size_t i = 0; i < l->link_count; i++) {
		const struct net_link *k = &l->links[i];
		const char *proto = k->proto == IPPROTO_UDP ? "udp" : "tcp";

		net_address(c, k->slot, 2, other);
		text = arena_printf(a, "%s%s element inet gavel_%s links { %s . %s . %s . %u }\n",
				    text, verb, c->tag, own, other, proto, k->port);
		if (k->as != 0 && k->as != k->port)
			text = arena_printf(a,
					    "%s%s element inet gavel_%s doors "
					    "{ %s . %s . %s . %u : %s . %u }\n",
					    text, verb, c->tag, own, other, proto, k->as, other,
					    k->port);
	}
	return text;
}

const char *
net_add_text(struct arena *a, const struct net_config *c, const struct net_lease *l)
{
	return element_text(a, c, "add", l);
}

/* What the filter itself has noted of the workload, its open flows above all: the
 * next one at this address must not begin with them. */
static const char *
notes_text(struct arena *a, const struct net_config *c, const char *verb, uint16_t slot)
{
	static const char *const sets[] = { "fresh", "flows", "sent" };
	char own[NET_ADDRESS_SIZE];
	const char *text = "";

	net_address(c, slot, 2, own);
	for (size_t i = 0; i < NELEMS(sets); i++)
		text = arena_printf(a, "%s%s element inet gavel_%s %s { %s }\n", text, verb, c->tag,
				    sets[i], own);
	return text;
}

/* Deleting what is not there fails, so it is put there first: one transaction. */
const char *
net_remove_text(struct arena *a, const struct net_config *c, const struct net_lease *l)
{
	return arena_printf(a, "%s%s%s%s", element_text(a, c, "add", l),
			    notes_text(a, c, "add", l->slot), element_text(a, c, "delete", l),
			    notes_text(a, c, "delete", l->slot));
}

static const char *
sets_text(struct arena *a, const struct net_config *c)
{
	const char *resolvers = list_text(a, "", c->resolvers);

	return arena_printf(
		a,
		"	set leases { type ifname . ipv4_addr; }\n"
		"	set links { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }\n"
		"	map doors { type ipv4_addr . ipv4_addr . inet_proto . inet_service : "
		"ipv4_addr . inet_service; }\n"
		"	set deny { type ipv4_addr; flags interval; auto-merge; elements = { %s } "
		"}\n"
		"	set resolvers { type ipv4_addr; %s%s%s }\n"
		"	set fresh { type ipv4_addr; size 65535; flags dynamic; }\n"
		"	set flows { type ipv4_addr; size 65535; flags dynamic; }\n"
		"	set sent { type ipv4_addr; size 65535; flags dynamic; }\n",
		list_text(a, DENY, c->deny), resolvers[0] != '\0' ? "elements = { " : "", resolvers,
		resolvers[0] != '\0' ? " }" : "");
}

/* Questions for names. Anybody could send them to the port; only what was led
 * there from port 53 of a wire may pass. */
static const char *
names_text(struct arena *a, const struct net_config *c)
{
	const char *redirect = "";

	if (c->dns_port != 0)
		redirect =
			arena_printf(a,
				     "		iifname \"gv%s-*\" meta l4proto { tcp, udp } "
				     "th dport 53 fib daddr type local redirect to :%u\n",
				     c->tag, c->dns_port);
	return arena_printf(a,
			    "	set asked { type ipv4_addr; size 65535; flags dynamic; }\n"
			    "	chain names {\n"
			    "		type nat hook prerouting priority dstnat; policy accept;\n"
			    "%s"
			    "		iifname \"gv%s-*\" meta l4proto { tcp, udp } dnat ip addr "
			    ". port to "
			    "ip saddr . ip daddr . meta l4proto . th dport map @doors\n"
			    "	}\n",
			    redirect, c->tag);
}

static const char *
questions_text(struct arena *a, const struct net_config *c, bool from_workloads)
{
	if (c->dns_port == 0)
		return "";
	if (!from_workloads)
		return arena_printf(
			a,
			"		iifname != \"lo\" iifname != \"gv%s-*\" meta l4proto "
			"{ tcp, udp } th dport %u counter drop\n",
			c->tag, c->dns_port);
	return arena_printf(a,
			    "		meta l4proto { tcp, udp } th dport %u ct status dnat "
			    "update @asked { ip saddr limit rate 100/second burst 200 packets } "
			    "accept\n",
			    c->dns_port);
}

static const char *
chains_text(struct arena *a, const struct net_config *c)
{
	unsigned rate = c->new_per_s != 0 ? c->new_per_s : NEW_PER_S;
	unsigned burst = c->new_burst != 0 ? c->new_burst : NEW_BURST;
	unsigned flows = c->flows_max != 0 ? c->flows_max : FLOWS_MAX;
	unsigned kbytes = (c->out_mbit != 0 ? c->out_mbit : MBIT) * (1000000 / 8 / 1000);

	return arena_printf(
		a,
		"	chain prerouting {\n"
		"		type filter hook prerouting priority raw; policy accept;\n"
		"		iifname \"gv%s-*\" meta nfproto != ipv4 drop\n"
		"		iifname \"gv%s-*\" iifname . ip saddr != @leases counter drop\n"
		"		iifname \"gv%s-*\" update @sent { ip saddr limit rate over %u "
		"kbytes/second burst %u kbytes } counter drop\n"
		"	}\n"
		"	chain input {\n"
		"		type filter hook input priority filter - 5; policy accept;\n"
		"%s"
		"		iifname != \"gv%s-*\" accept\n"
		"		ct state established,related accept\n"
		"%s"
		"		counter drop\n"
		"	}\n"
		"	chain forward {\n"
		"		type filter hook forward priority filter - 5; policy accept;\n"
		"		iifname \"gv%s-*\" jump out\n"
		"		oifname \"gv%s-*\" ct state established,related accept\n"
		"		oifname \"gv%s-*\" counter drop\n"
		"	}\n"
		"	chain out {\n"
		"		ct state established,related accept\n"
		"		ct state invalid drop\n"
		"		update @fresh { ip saddr limit rate over %u/second burst %u "
		"packets } "
		"counter drop\n"
		"		add @flows { ip saddr ct count over %u } counter drop\n"
		/* Over a wire only: while the neighbour has none, its address leads out
		 * into the world, where anybody might answer. */
		"		oifname \"gv%s-*\" ip saddr . ip daddr . meta l4proto . th dport "
		"@links accept\n"
		"		oifname \"gv%s-*\" counter drop\n"
		"		ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept\n"
		"		ip daddr @deny counter drop\n"
		"		fib daddr type { local, broadcast, multicast, anycast } drop\n"
		"		meta l4proto != { tcp, udp, icmp } counter drop\n"
		"		tcp dport { 25, 465, 587 } counter drop\n"
		"		accept\n"
		"	}\n",
		c->tag, c->tag, c->tag, kbytes, MAX(kbytes / 10, 128u), questions_text(a, c, false),
		c->tag, questions_text(a, c, true), c->tag, c->tag, c->tag, rate, burst, flows,
		c->tag, c->tag);
}

const char *
net_table_text(struct arena *a, const struct net_config *c, const struct net_lease *leases,
	       size_t count)
{
	char base[NET_ADDRESS_SIZE];
	const char *text;

	/* Added first so that deleting it cannot fail. */
	text = arena_printf(a,
			    "add table inet gavel_%s\n"
			    "delete table inet gavel_%s\n"
			    "table inet gavel_%s {\n%s%s%s"
			    "	chain postrouting {\n"
			    "		type nat hook postrouting priority srcnat; policy accept;\n"
			    "		ip saddr %s/16 oifname != \"gv%s-*\" masquerade\n"
			    "	}\n"
			    "}\n",
			    c->tag, c->tag, c->tag, sets_text(a, c), names_text(a, c),
			    chains_text(a, c), net_address(c, 0, 0, base), c->tag);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(a, "%s%s", text, net_add_text(a, c, &leases[i]));
	return text;
}

/* ------------------------------------------------------------------ */
/* Doing it.                                                           */

/* The first line is the one that tells; nft goes on to draw arrows. */
static int
tool_check(const struct proc *p, struct err *e)
{
	if (p->status == 0)
		return 0;
	return err_set(e, &PROC_FAILED, "%s ended with %d: %.*s", p->argv[0], p->status,
		       (int)strcspn(p->err, "\n"), p->err);
}

static int
inside(void *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		return -1;
	close(fd);
	return 0;
}

/* netns: run it in that network namespace; NULL: here. */
static int
tool_run(const char *const *argv, const char *input, const char *netns, struct err *e)
{
	char path[256];
	struct proc p = { .argv = argv,
			  .input = input,
			  .input_len = input != NULL ? strlen(input) : 0,
			  .before_exec = netns != NULL ? inside : NULL,
			  .before_exec_arg = path };
	struct arena a;
	int result;

	snprintf(path, sizeof(path), "%s", netns != NULL ? netns : "");
	arena_init(&a, 0);
	result = proc_now(&a, &p, e) < 0 || tool_check(&p, e) < 0 ? -1 : 0;
	arena_release(&a);
	return result;
}

static int
nft_run(const char *input, struct err *e)
{
	return tool_run((const char *const[]){ "nft", "-f", "-", NULL }, input, NULL, e);
}

static int
setting_write(const char *path, const char *value, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), result = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		result = err_errno(e, "set %s", path);
	if (fd >= 0)
		close(fd);
	return result;
}

/* Low ports for anyone, no IPv6. Such settings belong to the network namespace
 * of the process that opens the file, hence a process there. */
static int
settings_inside(const char *netns, struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		char path[256];

		snprintf(path, sizeof(path), "%s", netns);
		if (inside(path) < 0 ||
		    setting_write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", e) < 0)
			_exit(1);
		if (access("/proc/sys/net/ipv6", F_OK) == 0 &&
		    setting_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", e) < 0)
			_exit(1);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return err_set(e, &ERR_SYSTEM, "settings of network namespace %s", netns);
	return 0;
}

int
net_start(const struct net_config *c, const struct net_lease *leases, size_t count, struct err *e)
{
	struct arena a;
	int result;

	if (net_config_check(c, e) < 0 ||
	    setting_write("/proc/sys/net/ipv4/ip_forward", "1", e) < 0)
		return -1;
	arena_init(&a, 0);
	result = nft_run(net_table_text(&a, c, leases, count), e);
	arena_release(&a);
	return result < 0 ? err_wrap(e, "load the packet filter") : 0;
}

int
net_stop(const struct net_config *c, struct err *e)
{
	char text[128];

	snprintf(text, sizeof(text), "add table inet gavel_%s\ndelete table inet gavel_%s\n",
		 c->tag, c->tag);
	return nft_run(text, e);
}

#define IP_BATCH                                                                                   \
	(const char *const[])                                                                      \
	{                                                                                          \
		"ip", "-batch", "-", NULL                                                          \
	}

/* Towards the workload. A bucket of 10 ms: with less, a slow tick of the kernel's
 * clock would be the limit. */
static int
wire_shape(const struct net_config *c, const char *host, struct err *e)
{
	unsigned mbit = c->in_mbit != 0 ? c->in_mbit : MBIT;
	char rate[32], burst[32];
	const char *argv[] = { "tc",   "qdisc", "add",	 "dev", host,	   "root", "tbf",
			       "rate", rate,	"burst", burst, "latency", "50ms", NULL };

	snprintf(rate, sizeof(rate), "%umbit", mbit);
	snprintf(burst, sizeof(burst), "%u", MAX(mbit * 1250, 65536u));
	return tool_run(argv, NULL, NULL, e);
}

/* The host's end: its address, and up. Three calls of the oldest kind instead of
 * one more start of `ip`, which takes longer than all that it would do. */
static int
host_end_up(const struct net_config *c, uint16_t slot, struct err *e)
{
	struct ifreq mask = { .ifr_name = "" }, address, flags;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(UINT32_MAX << 2) } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = 0;

	if (fd < 0)
		return err_errno(e, "socket");
	net_if(c, slot, mask.ifr_name);
	address = flags = mask;
	memcpy(&mask.ifr_netmask, &in, sizeof(in));
	in.sin_addr.s_addr = htonl(c->network + 4u * slot + 1);
	memcpy(&address.ifr_addr, &in, sizeof(in));
	flags.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFADDR, &address) != 0 || ioctl(fd, SIOCSIFNETMASK, &mask) != 0 ||
	    ioctl(fd, SIOCSIFFLAGS, &flags) != 0)
		result = err_errno(e, "address of %s", mask.ifr_name);
	close(fd);
	return result;
}

/* Made inside, its other end born outside: a wire to a namespace has no name
 * here by which `ip` could be told of it. */
int
net_wire(const struct net_config *c, uint16_t slot, const char *netns, struct err *e)
{
	char host[NET_IF_SIZE], near[NET_ADDRESS_SIZE], far[NET_ADDRESS_SIZE], path[128], text[512];

	net_if(c, slot, host);
	net_address(c, slot, 1, near);
	net_address(c, slot, 2, far);
	snprintf(text, sizeof(text),
		 "link add eth0 type veth peer name %s netns %d\n"
		 "link set lo up\naddr add %s/30 dev eth0\nlink set eth0 up\n"
		 "route add default via %s\n",
		 host, getpid(), far, near);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", host);
	if (settings_inside(netns, e) < 0 || tool_run(IP_BATCH, text, netns, e) < 0 ||
	    (access(path, F_OK) == 0 && setting_write(path, "1", e) < 0) ||
	    host_end_up(c, slot, e) < 0 || wire_shape(c, host, e) < 0)
		return err_wrap(e, "wire of slot %u", slot);
	return 0;
}

int
net_admit(const struct net_config *c, const struct net_lease *l, struct err *e)
{
	struct arena a;
	int result;

	if (net_left(c, l->slot) && net_down(c, l, e) < 0)
		return -1;
	arena_init(&a, 0);
	result = nft_run(net_add_text(&a, c, l), e);
	arena_release(&a);
	return result < 0 ? err_wrap(e, "network of slot %u", l->slot) : 0;
}

int
net_up(const struct net_config *c, const struct net_lease *l, const char *netns, struct err *e)
{
	return net_admit(c, l, e) < 0 ? -1 : net_wire(c, l->slot, netns, e);
}

bool
net_left(const struct net_config *c, uint16_t slot)
{
	char host[NET_IF_SIZE];

	return if_nametoindex(net_if(c, slot, host)) != 0;
}

int
net_down(const struct net_config *c, const struct net_lease *l, struct err *e)
{
	struct err why = ERR_NONE;
	char host[NET_IF_SIZE];
	struct arena a;
	int result;

	/* The wire goes when its namespace does, perhaps this very moment: by
	 * name, then look. */
	net_if(c, l->slot, host);
	if (net_left(c, l->slot) &&
	    tool_run((const char *const[]){ "ip", "link", "del", host, NULL }, NULL, NULL, &why) <
		    0 &&
	    net_left(c, l->slot))
		return err_set(e, &ERR_SYSTEM, "remove %s: %s", host, why.text);
	arena_init(&a, 0);
	result = nft_run(net_remove_text(&a, c, l), e);
	arena_release(&a);
	return result < 0 ? err_wrap(e, "network of slot %u", l->slot) : 0;
}

static uint64_t
counter(const char *host, const char *name)
{
	char path[128], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", host, name);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	return strtoull(text, NULL, 10);
}

void
net_read(const struct net_config *c, uint16_t slot, struct net_usage *out)
{
	char host[NET_IF_SIZE];

	/* What the host's end receives, the workload has sent. */
	net_if(c, slot, host);
	out->tx_bytes = counter(host, "rx_bytes");
	out->rx_bytes = counter(host, "tx_bytes");
}
