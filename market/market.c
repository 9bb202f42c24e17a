/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel-market: the sequencer of orders and bids.
 *
 *	parent       forks, waits
 *	market/web   network and database        (one or more, sharing the port)
 *	market/clerk auctions, chain, settlement (one at a time per database)
 *	market/sign  the key, nothing else
 */
#include <getopt.h>
#include <unistd.h>

#include "lease/keystore.h"
#include "lease/signer.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "market/clerk.h"
#include "market/tool.h"
#include "market/web.h"

#define WORKERS_MAX 6 /* what a role's table of descriptors holds */

static const char usage[] =
	"usage: gavel-market [-c FILE] [COMMAND]\n"
	"\n"
	"  serve              run the market (default)\n"
	"  migrate            bring the database up to date and exit\n"
	"  contract deploy    put the escrow contract (and a test token) on a chain\n"
	"  contract check     compare a contract's code with ours\n"
	"  key new FILE       make a key store for the market\n"
	"  bond [AMOUNT | release [AMOUNT] | take]   what stands behind the market's word\n"
	"  check              read the settings and say what is wrong with them\n"
	"\n"
	"  -c, --config FILE  settings (default: /etc/gavel/market.yaml)\n"
	"  -V, --version\n"
	"\n"
	"examples:\n"
	"  gavel-market -c market.yaml migrate\n"
	"  gavel-market -c market.yaml\n";

/* The key is read here and nowhere else: no other role ever had it in memory. */
static void
sign_run(void *ctx, const int *fds)
{
	const struct market_settings *s = ctx;
	struct signer signer = { .token = s->token };
	struct err e = ERR_NONE;

	if (keystore_load(s->key_file, s->password_file, &signer.key, &e) < 0)
		fatal("%s", e.text);
	domain_init(&signer.domain, s->chain_id, &s->escrow);
	chan_serve(fds[0], signer_market_verbs, &signer);
	key_release(&signer.key);
	_exit(0);
}

static int
serve(const struct market_settings *s)
{
	struct role roles[2 + WORKERS_MAX];
	uint32_t workers = MIN(MAX(s->workers, 1u), (uint32_t)WORKERS_MAX);
	int sign[2], poke[WORKERS_MAX][2];
	struct web_start web = { .settings = s };
	struct clerk_start clerk = { .settings = s, .webs = workers };
	struct role *last;
	struct err e = ERR_NONE;
	size_t n = 0;

	if (keystore_whose(s->key_file, s->password_file, &web.market, &e) < 0)
		fatal("%s", e.text);
	clerk.market = web.market;
	daemon_pair(sign);
	roles[n++] = (struct role){ .name = "market/sign",
				    .user = s->user,
				    .run = sign_run,
				    .ctx = (void *)(uintptr_t)s,
				    .fds = { sign[1], -1 } };
	for (uint32_t i = 0; i < workers; i++) {
		daemon_pair(poke[i]);
		roles[n++] = (struct role){ .name = "market/web",
					    .user = s->user,
					    .run = web_run,
					    .ctx = &web,
					    .fds = { poke[i][0], -1 } };
	}
	last = &roles[n++];
	*last = (struct role){ .name = "market/clerk",
			       .user = s->user,
			       .run = clerk_run,
			       .ctx = &clerk,
			       .fds = { sign[0], -1 } };
	for (uint32_t i = 0; i < workers; i++) {
		last->fds[1 + i] = poke[i][1];
		last->fds[2 + i] = -1;
	}
	return daemon_run(roles, n);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "version", no_argument, NULL, 'V' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	const char *config = "/etc/gavel/market.yaml", *command;
	struct market_settings settings;
	struct err e = ERR_NONE;
	struct arena a;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "+c:Vh", options, NULL)) != -1)
		switch (c) {
		case 'c': config = optarg; break;
		case 'V': printf("gavel-market %s\n", GAVEL_VERSION); return 0;
		case 'j': json = true; break;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return 2;
		}
	command = optind < argc ? argv[optind] : "serve";
	log_init("market", LOG_INFO);
	if (strcmp(command, "contract") == 0 || strcmp(command, "key") == 0)
		return tool_main(argc - optind, argv + optind);
	arena_init(&a, 0);
	if (market_settings_read(&a, config, &settings, &e) < 0) {
		fprintf(stderr, "error: %s\n", e.text);
		return kind_exit_status(e.code->kind);
	}
	if (strcmp(command, "migrate") == 0) {
		if (db_migrate(settings.database, settings.sql_dir, &e) == 0)
			return 0;
		fprintf(stderr, "error: %s\n", e.text);
		return 1;
	}
	if (strcmp(command, "check") == 0) {
		printf("%s: settings are good\n", config);
		return 0;
	}
	if (strcmp(command, "bond") == 0)
		return tool_bond(&settings, json, argc - optind - 1, argv + optind + 1);
	if (strcmp(command, "serve") == 0)
		return serve(&settings);
	fprintf(stderr, "error: no command \"%s\"\n\n%s", command, usage);
	return 2;
}
