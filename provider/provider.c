/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel-provider: a data center's machine on the market.
 *
 *	parent          forks, waits
 *	provider/sign   the key, nothing else
 *	provider/jail   root, runc, no network, no JSON
 *	provider/agent  network and database, neither key nor root
 *
 * Containers and their shims belong to nobody: they outlive all of these.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease/bonding.h"
#include "lease/keystore.h"
#include "lease/signer.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "provider/agent.h"
#include "provider/check.h"
#include "provider/ingress/haproxy.h"
#include "provider/inventory.h"
#include "provider/jail/mounts.h"
#include "provider/bid/offers.h"
#include "provider/jail/runc.h"
#include "provider/run/settle.h"
#include "provider/bid/simulate.h"
#include "provider/bid/tell.h"
#include "provider/jail/unpack.h"
#include "provider/jail/volumes.h"

static const char usage[] =
	"usage: gavel-provider [-c FILE] [COMMAND]\n"
	"\n"
	"  serve              offer this machine (default; needs root)\n"
	"  check [FILE]       read the settings and test the machine, with cures\n"
	"  settle [LEASE]     take what is due from the chain itself, without a market\n"
	"  offers [FILE]      what this provider offers to ticks now, by the month\n"
	"  why ORDER          what its offers and bids came to for an order\n"
	"  receipts [FILE]    what the market has signed for its offers and bids, for audits\n"
	"  price simulate [FILE]  past orders against the prices these settings make\n"
	"  bond [AMOUNT | release [AMOUNT] | take]   what stands behind this provider's word\n"
	"  clean              remove every container of this provider from the machine\n"
	"\n"
	"  -c, --config FILE  settings (default: /etc/gavel/provider.yaml)\n"
	"      --json         check, settle, offers, why, receipts, price: one JSON document\n"
	"      --plan         settle: only say what would be done\n"
	"      --since 7d     price: of the market's orders, as far back as this\n"
	"      --orders FILE  price: orders of a file instead, one JSON object a line\n"
	"      --load PCT     price: how full the machine is, for the load curve (0)\n"
	"  -V, --version\n"
	"\n"
	"examples:\n"
	"  sudo gavel-provider check provider.yaml\n"
	"  sudo gavel-provider -c provider.yaml\n"
	"  sudo gavel-provider -c provider.yaml settle\n";

/* The key is read here and nowhere else. */
static void
sign_run(void *ctx, const int *fds)
{
	const struct provider_settings *s = ctx;
	struct signer signer = { .token = s->token };
	struct err e = ERR_NONE;

	if (keystore_load(s->key_file, s->password_file, &signer.key, &e) < 0)
		fatal("%s", e.text);
	domain_init(&signer.domain, s->chain_id, &s->escrow);
	chan_serve(fds[0], signer_provider_verbs, &signer);
	key_release(&signer.key);
	_exit(0);
}

/* Errors that keep their code on their way from the jail to the agent. */
static const struct code *const jail_codes[] = {
	&JAIL_UNKNOWN, &JAIL_CONFLICT, &JAIL_REFUSED, &BUNDLE_BAD,  &IMAGE_UNPACK,  &IMAGE_TOO_BIG,
	&IMAGE_DIGEST, &DISK_FULL,     &MOUNT_UNSAFE, &RUNC_FAILED, &ERR_NOT_FOUND, &ERR_TIMEOUT,
	&VOLUME_OTHER, &VOLUME_LOST,   &DISK_NONE,    &CDI_BAD,
};

static void
jail_run(void *ctx, const int *fds)
{
	jail_serve(ctx, fds[0], fds[1]);
	_exit(0);
}

static void
jail_config_make(const struct provider_settings *s, struct jail_config *c)
{
	static const char *dirs[CLASSES_MAX], *gpus[MACHINE_GPUS];
	struct passwd *pw = getpwnam(s->user);
	struct err e = ERR_NONE;
	uint32_t network;

	if (pw == NULL)
		fatal("user \"%s\" does not exist: useradd --system --shell /usr/sbin/nologin %s",
		      s->user, s->user);
	if (network_read(s->network, &network, &e) < 0)
		fatal("%s", e.text);
	*c = (struct jail_config){
		.state_dir = s->state_dir,
		.run_dir = s->run_dir,
		.net = { .tag = s->tag,
			 .network = network,
			 .deny = s->deny.items,
			 /* With a resolver of our own nobody needs to reach theirs. */
			 .resolvers = s->dns_port == 0 ? s->resolvers.items : NULL,
			 .dns_port = (uint16_t)s->dns_port,
			 .in_mbit = s->lease_in_mbit,
			 .out_mbit = s->lease_out_mbit },
		.disk_bytes_per_s = (uint64_t)s->lease_disk_mib << 20,
		.uid_base = s->uid_base,
		.image_uid_base = s->image_uid_base,
		.slot_count = s->slots,
		.agent_uid = pw->pw_uid,
		.agent_gid = pw->pw_gid,
		.image_bytes_max = s->image_max_bytes,
		.accept_old_runc = s->accept_old_runc,
		.accept_ram_disk = s->accept_ram_disk,
		.volume_class_count = s->volumes.count,
		.gpu_count = s->gpus.count,
		.cdi_dir = s->cdi_dir,
	};
	for (size_t i = 0; i < s->volumes.count; i++)
		dirs[i] = ((const struct volume_class *)s->volumes.items)[i].dir;
	for (size_t i = 0; i < s->gpus.count; i++)
		gpus[i] = ((const struct gpu *)s->gpus.items)[i].device;
	c->volume_dirs = dirs;
	c->gpus = gpus;
}

/* The agent's own directory, before anyone gives up root. */
static void
agent_dir_make(const struct provider_settings *s, const struct jail_config *c)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/agent", s->state_dir);
	if ((mkdir(path, 0700) != 0 && errno != EEXIST) ||
	    chown(path, c->agent_uid, c->agent_gid) != 0)
		fatal("make %s: %s", path, strerror(errno));
}

/* A machine that is not fit must not go on winning orders by what it offered when it
 * was. By a child, as the user whose book it is. */
_Noreturn static void
unfit(const struct provider_settings *s, const struct err *why)
{
	struct err e = ERR_NONE;
	pid_t pid = fork();

	if (pid == 0) {
		char path[512];

		snprintf(path, sizeof(path), "%s/agent/book.sqlite", s->state_dir);
		if (access(path, F_OK) != 0)
			_exit(0);
		daemon_become(s->user);
		if (offers_withdraw(s, &e) < 0)
			log_warn("offer.not_withdrawn", "error=\"%s\"", e.text);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	fatal("%s", why->text);
}

static int
serve(struct provider_settings *s)
{
	int sign[2], jail[2], exec[2];
	struct jail_config config;
	struct agent_start agent = { .settings = s, .jail = &config };
	struct inventory inventory;
	struct err e = ERR_NONE;
	struct role roles[3];
	struct arena a;

	if (geteuid() != 0)
		fatal("gavel-provider starts as root, for containers; the part that talks does not "
		      "keep it");
	if (keystore_whose(s->key_file, s->password_file, &agent.self, &e) < 0)
		fatal("%s", e.text);
	arena_init(&a, 0);
	if (inventory_settle(&a, s, &inventory, &e) < 0)
		unfit(s, &e);
	arena_release(&a);
	jail_config_make(s, &config);
	if (jail_prepare(&config, &e) < 0)
		unfit(s, &e);
	agent_dir_make(s, &config);
	daemon_pair(sign);
	daemon_pair(jail);
	daemon_pair(exec);
	roles[0] = (struct role){ .name = "provider/sign",
				  .user = s->user,
				  .run = sign_run,
				  .ctx = (void *)(uintptr_t)s,
				  .fds = { sign[1], -1 } };
	roles[1] = (struct role){ .name = "provider/jail",
				  .keep_root = true,
				  .run = jail_run,
				  .ctx = &config,
				  .fds = { jail[1], exec[1], -1 } };
	roles[2] = (struct role){ .name = "provider/agent",
				  .user = s->user,
				  .run = agent_run,
				  .ctx = &agent,
				  .fds = { sign[0], jail[0], exec[0], -1 } };
	return daemon_run(roles, NELEMS(roles));
}

/* ------------------------------------------------------------------ */

static int
check(struct provider_settings *s, bool json)
{
	struct jail_config config;
	bool known = geteuid() == 0 && getpwnam(s->user) != NULL;

	jail_config_make(s, &config);
	return check_run(s, known ? &config : NULL, json) ? 0 : 1;
}

/* Ask a jail of our own for the list, then for the end of each. */
static int
clean(const struct provider_settings *s)
{
	struct jail_config config;
	struct chan_call call = { .verb = JAIL_LIST };
	struct err e = ERR_NONE;
	int pair[2], exec[2], failed = 0;
	char ingress[512];
	struct arena a;

	jail_config_make(s, &config);
	if (jail_prepare(&config, &e) < 0)
		fatal("%s", e.text);
	daemon_pair(pair);
	daemon_pair(exec);
	if (fork() == 0) {
		close(pair[0]);
		jail_serve(&config, pair[1], exec[1]);
		_exit(0);
	}
	close(pair[1]);
	arena_init(&a, 0);
	if (chan_now(&a, pair[0], &call, &e) < 0)
		fatal("%s", e.text);
	for (size_t i = 0; i < call.out_len / sizeof(struct jail_entry); i++) {
		struct jail_entry entry;
		struct jail_destroy ask = { .drop_logs = 1 };
		struct chan_call end = { .verb = JAIL_DESTROY, .in = &ask, .in_len = sizeof(ask) };

		memcpy(&entry, call.out + i * sizeof(entry), sizeof(entry));
		ask.ref = entry.ref;
		if (chan_now(&a, pair[0], &end, &e) < 0) {
			fprintf(stderr, "error: %s: %s\n", entry.ref.name, e.text);
			failed = 1;
		} else {
			printf("removed %s copy %u\n", entry.ref.name, entry.ref.copy);
		}
	}
	snprintf(ingress, sizeof(ingress), "%s/agent/ingress", s->state_dir);
	haproxy_end(ingress);
	if (net_stop(&config.net, &e) < 0)
		fprintf(stderr, "error: %s\n", e.text);
	arena_release(&a);
	return failed;
}

/* The exit status of a command that only tells. */
static int
told(int result, const struct err *e)
{
	if (result == 0)
		return 0;
	fprintf(stderr, "error: %s\n", e->text);
	return kind_exit_status(e->code->kind);
}

static int
bond(struct provider_settings *s, bool json, int argc, char **argv)
{
	struct arena a;
	struct key key;
	struct err e = ERR_NONE;
	struct bonding b = { .arena = &a,
			     .evm = &s->evm,
			     .escrow = s->escrow,
			     .token = s->token,
			     .key = &key,
			     .json = json };

	if (keystore_load(s->key_file, s->password_file, &key, &e) < 0) {
		fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
		return kind_exit_status(e.code->kind);
	}
	arena_init(&a, 0);
	if (bonding_begin(&b, &e) < 0 || bonding_run(&b, argc, argv, &e) < 0)
		fprintf(stderr, "error: %s [%s]\n", e.text, e.code->name);
	key_release(&key);
	arena_release(&a);
	return e.code == NULL ? 0 : kind_exit_status(e.code->kind);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "version", no_argument, NULL, 'V' },
						 { "json", no_argument, NULL, 'j' },
						 { "plan", no_argument, NULL, 'p' },
						 { "since", required_argument, NULL, 's' },
						 { "orders", required_argument, NULL, 'o' },
						 { "load", required_argument, NULL, 'l' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	const char *config = "/etc/gavel/provider.yaml", *command;
	struct provider_settings settings;
	struct simulate sim = { .settings = &settings };
	struct err e = ERR_NONE;
	bool json = false, plan = false;
	struct arena a;
	int c;

	while ((c = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1)
		switch (c) {
		case 'c': config = optarg; break;
		case 'j': json = true; break;
		case 'p': plan = true; break;
		case 's': sim.since = optarg; break;
		case 'o': sim.orders = optarg; break;
		case 'l':
			sim.load_bp = (uint32_t)MIN(strtoul(optarg, NULL, 10), 100ul) * 100;
			break;
		case 'V': printf("gavel-provider %s\n", GAVEL_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return 2;
		}
	command = optind < argc ? argv[optind] : "serve";
	if (strcmp(command, "price") == 0) { /* price simulate: two words */
		if (optind + 1 == argc || strcmp(argv[optind + 1], "simulate") != 0) {
			fprintf(stderr, "error: price simulate\n\n%s", usage);
			return 2;
		}
		optind++;
	}
	/* check FILE is short for -c FILE check. */
	if (optind + 1 < argc && strcmp(command, "settle") != 0 && strcmp(command, "why") != 0 &&
	    strcmp(command, "bond") != 0)
		config = argv[optind + 1];
	log_init("provider", LOG_INFO);
	chan_register_codes(jail_codes, NELEMS(jail_codes));
	arena_init(&a, 0);
	if (provider_settings_read(&a, config, &settings, &e) < 0) {
		fprintf(stderr, "error: %s\n", e.text);
		return kind_exit_status(e.code->kind);
	}
	if (strcmp(command, "serve") == 0)
		return serve(&settings);
	if (strcmp(command, "check") == 0)
		return check(&settings, json);
	if (strcmp(command, "settle") == 0)
		return settle_run(&settings, optind + 1 < argc ? argv[optind + 1] : NULL, plan,
				  json);
	if (strcmp(command, "bond") == 0)
		return bond(&settings, json, argc - optind - 1, argv + optind + 1);
	if (strcmp(command, "clean") == 0)
		return clean(&settings);
	if (strcmp(command, "offers") == 0)
		return told(tell_offers(&settings, json, &e), &e);
	if (strcmp(command, "receipts") == 0)
		return told(tell_receipts(&settings, json, &e), &e);
	if (strcmp(command, "why") == 0 && optind + 1 < argc)
		return told(tell_why(&settings, argv[optind + 1], json, &e), &e);
	if (strcmp(command, "price") == 0) {
		sim.json = json;
		return told(simulate_run(&sim, &e), &e);
	}
	if (strcmp(command, "why") == 0) {
		fprintf(stderr, "error: why ORDER\n\n%s", usage);
		return 2;
	}
	fprintf(stderr, "error: no command \"%s\"\n\n%s", command, usage);
	return 2;
}
