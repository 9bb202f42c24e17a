/* SPDX-License-Identifier: Apache-2.0 */
/* gavel: the command line of tenants. Settings, commands, main. */
#include <getopt.h>
#include <unistd.h>

#include "lib/log.h"
#include "tenant/tenant.h"

static const struct command commands[] = {
	{ "deploy", "FILE", "post an order and wait until it runs",
	  "  -n, --name NAME      name of the deployment (default: the file's)\n"
	  "      --deposit AMOUNT tokens to lock (default: a day at the highest price)\n"
	  "      --window MS      time for sealed bids, 50 to 600000 (default 400)\n"
	  "      --auction KIND   sealed (default): every provider is asked for a bid; fast:\n"
	  "                       standing offers only, awarded within a tick\n"
	  "      --ttl TIME       how long the order is tried again until somebody takes it:\n"
	  "                       90s, 30m, 2h, at most a day (default 5m; --manual 10m)\n"
	  "      --wait-for-capacity TIME  the same\n"
	  "      --open-within S  the same in seconds\n"
	  "      --manual         award nothing: show the ranking, gavel accept picks\n"
	  "      --placement P    only this one of several\n"
	  "      --akash          read the file as Akash does\n"
	  "      --no-wait        return when the order is posted\n"
	  "      --volumes-from NAME  take over the kept volumes of a closed one\n"
	  "      --cosigner ADDRESS   may countersign usage too: its gavel agent --for you\n"
	  "\nA file with several placements makes an order of each, NAME-PLACEMENT; NAME\n"
	  "stands for all of them in status, logs, bids, receipt and close.\n"
	  "\nexamples: gavel deploy web.yaml --deposit 5\n"
	  "          gavel deploy web.yaml --auction fast\n",
	  cmd_deploy },
	{ "status", "[NAME]", "what a deployment does and costs", "", cmd_status },
	{ "logs", "[-f] [--tail N] [NAME]", "what the workload printed",
	  "  -f, --follow       go on until it ends, over restarts\n"
	  "  -n, --tail N       the last N lines only\n"
	  "      --since WHEN   10m, 2h30m, or a time like 2026-11-25T05:10:35Z\n"
	  "  -s, --service S    of this service only; --copy N of this copy, from 0\n"
	  "      --stream NAME  stdout or stderr only\n"
	  "      --timestamps   with the time of each line\n"
	  "\nLines of the provider itself begin with \"- \". Logs are kept for a time after\n"
	  "the lease has ended.\n"
	  "\nexamples: gavel logs -f web\n"
	  "          gavel logs web --service db --since 10m --stream stderr\n",
	  cmd_logs },
	{ "exec", "[NAME] -- COMMAND...", "run a command inside",
	  "  -s, --service S  in this service (default: the first); --copy N, from 0\n"
	  "  -t, --tty        with a terminal: the default when there is one here\n"
	  "      --no-tty     without one\n"
	  "  -i               is taken and means nothing: input is always passed on\n"
	  "\nEnds with the status of the command; 127: no such program. When the\n"
	  "connection ends, the command is killed.\n"
	  "\nexamples: gavel exec web -- /bin/sh -c 'ls /'\n"
	  "          gavel exec web --service db -- psql <dump.sql\n",
	  cmd_exec },
	{ "shell", "[NAME]", "exec with /bin/sh",
	  "  -s, --service S  in this service (default: the first); --copy N, from 0\n"
	  "\nexample: gavel shell web\n",
	  cmd_shell },
	{ "cp", "FROM TO", "files into a workload, or out of it",
	  "One of FROM and TO is NAME:PATH or NAME/SERVICE:PATH, the other a path here.\n"
	  "      --copy N     of this copy of the service, from 0\n"
	  "\nDirectories go as a whole; \"DIR/.\" means what is in DIR. What arrives in the\n"
	  "workload belongs to its user. Works without any program in the image.\n"
	  "\nexamples: gavel cp ./site web:/srv\n"
	  "          gavel cp web/db:/var/lib/db/dump.sql .\n",
	  cmd_cp },
	{ "port-forward", "[NAME] [LOCAL:]PORT", "reach a port of the workload from here",
	  "  -s, --service S  of this service (default: the first); --copy N, from 0\n"
	  "\nListens on 127.0.0.1 only. Any port of the workload, open to the world or not.\n"
	  "LOCAL 0 is any free port.\n"
	  "\nexample: gavel port-forward web 5433:5432 --service db\n",
	  cmd_port_forward },
	{ "update", "NAME FILE", "another version of what runs, or back if it fails",
	  "      --no-wait  return when the provider has taken it\n"
	  "\nexample: gavel update web web.yaml\n",
	  cmd_update },
	{ "close", "[NAME]", "stop, settle, get the rest back",
	  "      --keep-volumes    persistent volumes stay for a while (gavel volumes)\n"
	  "      --delete-volumes  they are deleted at once\n"
	  "      --on-chain        without the market: one transaction of our own with the\n"
	  "                        provider's last word; when it is silent, stop, and after\n"
	  "                        the window, the same command again, expire\n"
	  "      --no-provider     with --on-chain: do not ask it\n"
	  "      --wait            with --on-chain: until the end, and no second call\n",
	  cmd_close },
	{ "volumes", "[NAME] | rm ID", "persistent volumes, in use and kept",
	  "\nexample: gavel volumes\n", cmd_volumes },
	{ "receipt", "[NAME]", "each step with its time, what was metered, what was paid", "",
	  cmd_receipt },
	{ "bids", "[NAME]", "who bid, who declined and why", "", cmd_bids },
	{ "accept", "[NAME] [PROVIDER]", "pick from the ranking of deploy --manual",
	  "      --auto     and the next one when the one that was picked fails\n"
	  "      --no-wait  return when the choice is signed and taken\n"
	  "\nWithout PROVIDER, an address of gavel bids, the cheapest that is left. The first\n"
	  "is paid the rules' price, any other its list price, none above your maximum.\n"
	  "\nexample: gavel accept web 0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n",
	  cmd_accept },
	{ "providers", "", "providers of this market", "", cmd_providers },
	{ "spot", "", "pools of the interruptible tier and their prices",
	  "What a file with x-gavel: {interruptible: true} pays now, and for how many there is\n"
	  "room. Prices change at auctions only.\n",
	  cmd_spot },
	{ "quote", "FILE", "what it would cost, who would serve it; spends nothing",
	  "      --placement P  only this one of several\n"
	  "      --akash        read the file as Akash does\n"
	  "\nThe prices are list prices of now: the most each would be paid. An order is\n"
	  "awarded at the runner-up's price, and nobody is bound by a quote.\n"
	  "\nexample: gavel quote web.yaml\n",
	  cmd_quote },
	{ "price", "index", "what leases cost here, as a month of a reference machine",
	  "      --class C   cpu, a GPU model, or gpu for orders that take several\n"
	  "      --region R  of this region only; else all, and each by itself\n"
	  "      --window W  leases of the last 1h or 24h (default)\n"
	  "      --verify    compute it again from the market's leases\n"
	  "\nAdvice, and nothing else: no auction reads it. A price takes 10 leases of 5\n"
	  "providers; with fewer the last one is shown, and that it is stale.\n"
	  "\nexample: gavel price index --class cpu --verify\n",
	  cmd_price },
	{ "agent", "[--once]", "countersign usage while it runs",
	  "      --once         look once at each lease and return\n"
	  "      --every S      seconds between looks (default 5)\n"
	  "      --key FILE     sign with this key store, which the tenant has lent (gavel key)\n"
	  "      --password-file F  its password (default: password_file of the settings)\n"
	  "      --policy FILE  sign no more than that: total, per_hour, per_day (tokens),\n"
	  "                     rate_per_hour, cpu_milli, providers\n"
	  "      --for ADDRESS  the leases of that tenant which name this key as cosigner\n"
	  "\nWith --key nobody needs the tenant's own password; its address is read from\n"
	  "key_file of the settings. Leases that did not lend the key are left alone.\n",
	  cmd_agent },
	{ "key", "COMMAND ...", "let another key sign a lease's vouchers, within limits",
	  "lend NAME|LEASE ADDRESS --limit AMOUNT --until DATE\n"
	  "           may sign up to AMOUNT of the lease in all, for times until DATE:\n"
	  "           2026-12-31, 2026-12-31T18:00:00Z, 30d, 12h\n"
	  "revoke NAME|LEASE ADDRESS   it signs nothing for the time from now on; the order's\n"
	  "           cosigner too. What it signed before stays payable\n"
	  "list NAME|LEASE             who may, up to what, until when, as the contract says\n"
	  "\nexample: gavel key lend web 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 \\\n"
	  "             --limit 5 --until 30d\n",
	  cmd_key },
	{ "wallet", "new|address", "make a key store, show its address", "", cmd_wallet },
	{ "cost", "[NAME]", "what it has used, and until when its deposit lasts",
	  "      --watch    again and again\n"
	  "      --every S  seconds between looks (default 5)\n"
	  "\nWarns when the deposit ends within 7 days, 1 day, 1 hour.\n"
	  "\nexample: gavel cost web --watch\n",
	  cmd_cost },
	{ "topup", "NAME AMOUNT", "add tokens of your escrow balance to a lease's deposit",
	  "Anyone may, for anyone: NAME is a deployment, or the id of a lease.\n"
	  "\nexample: gavel topup web 5\n",
	  cmd_topup },
	{ "deposit", "AMOUNT", "put tokens into escrow",
	  "      --permit  one transaction instead of two: the approval is a signature in it,\n"
	  "                for tokens with EIP-2612\n"
	  "\nexample: gavel deposit 12.50 --permit\n",
	  cmd_deposit },
	{ "withdraw", "AMOUNT", "take free tokens out of escrow", "", cmd_withdraw },
	{ "balance", "[ADDRESS]", "tokens in the wallet and in escrow", "", cmd_balance },
	{ "statement", "[ADDRESS]", "what moved an escrow balance, from the chain's events",
	  "      --from DATE    2026-11-01 or a time; what was before is one sum\n"
	  "      --to DATE      before that day\n"
	  "      --csv          one line per event, amounts in tokens\n"
	  "      --market       from the market's ledger: faster, the end checked all the same\n"
	  "\nexample: gavel statement --from 2026-11-01 --to 2026-12-01 --csv >november.csv\n",
	  cmd_statement },
	{ "faucet", "AMOUNT", "test tokens, on a devnet only", "", cmd_faucet },
	{ "bond", "ADDRESS", "what stands behind somebody's word", "", cmd_bond },
	{ "slash", "FILE [FILE]", "take the bond of one who signed two contradicting things",
	  "      --check      only look whether they contradict\n"
	  "      --save FILE  keep the two statements that do\n"
	  "\nA file of two statements, or evidence of gavel audit auction --save; two of these\n"
	  "of one order are searched for bids and roots that cannot both be true. Half goes\n"
	  "to the tenant of the order or lease, half to nobody.\n"
	  "\nexample: gavel slash monday.json tuesday.json\n",
	  cmd_slash },
	{ "audit", "KIND ...", "compute again what others say; vouch for a provider",
	  "auction [NAME|ORDER|FILE]   every round of an order, from what is public and from\n"
	  "                            the receipt that deploy has kept\n"
	  "      --save FILE    keep the evidence: whoever has it needs no market\n"
	  "      --receipts FILE  what they are for must be there too\n"
	  "tick N|N-M|FILE             ticks of the standing offers, cleared again\n"
	  "      --save FILE    keep the evidence\n"
	  "      --receipts FILE  what they are for must be there, in its tick\n"
	  "heads [FILE]                all that the market's key has put on the chain, and the\n"
	  "                            heads of its records there\n"
	  "      --after NONCE  only what came later\n"
	  "      --save FILE    keep the evidence\n"
	  "lease [NAME|LEASE|FILE]     one lease, from its order to the last token\n"
	  "      --save FILE    keep the evidence, the contract's logs too\n"
	  "      --from BLOCK   of the chain, no later than its opening (default: 0)\n"
	  "      --offline      with a file: by its logs, without asking a node\n"
	  "ledger                      every balance, from the chain's events alone\n"
	  "      --from BLOCK   begin there, with what the contract had before (default: 0)\n"
	  "      --at TAG       latest, safe or finalized (default: latest)\n"
	  "      --market URL   and compare with what this market's ledger says\n"
	  "pool PROVIDER [CLASS]       every price of a pool (default: cpu), and whom firm\n"
	  "                            leases pushed out\n"
	  "sign                        that a provider has attributes, and no others\n"
	  "      --provider ADDRESS --attributes FILE|KEY=VALUE ... [--expires 30d]\n"
	  "      --no-post      print the statement for others to post, to POST /v1/audits\n"
	  "revoke --provider ADDRESS   take back what this key signed about it\n"
	  "list ADDRESS                who vouches for it, for what, until when\n"
	  "\nexamples: gavel audit auction web\n"
	  "          gavel audit ledger --market https://market.example\n"
	  "          gavel audit sign --provider 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 \\\n"
	  "              --attributes region=eu-west --expires 90d\n",
	  cmd_audit },
	{ "sdl", "COMMAND ...", "check, format, explain, convert deployment files", NULL, cmd_sdl },
	{ "api", "METHOD PATH [BODY]", "call the market's REST API",
	  "\nexample: gavel api GET /v1/orders?limit=5\n", cmd_api },
};

static void
usage(FILE *out)
{
	fputs("usage: gavel [-C FILE] [--json] [-q] COMMAND ...\n\n", out);
	for (size_t i = 0; i < NELEMS(commands); i++)
		fprintf(out, "  %-10s %-24s %s\n", commands[i].name, commands[i].args,
			commands[i].summary);
	fputs("\n"
	      "  -C, --context FILE  settings (default: $GAVEL_CONTEXT, then\n"
	      "                      ~/.config/gavel/context.yaml)\n"
	      "      --json          the result as JSON on standard output\n"
	      "  -q, --quiet         no progress\n"
	      "  -V, --version       -h, --help\n"
	      "\n"
	      "examples:\n"
	      "  gavel deploy web.yaml\n"
	      "  gavel logs -f\n"
	      "  gavel close\n",
	      out);
}

static const struct command *
command_find(const char *name)
{
	static const char *const programs[][2] = { { "provider", "gavel-provider check FILE" },
						   { "market", "gavel-market --help" } };
	const char *near;

	for (size_t i = 0; i < NELEMS(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	near = command_nearest(commands, NELEMS(commands), name);
	fprintf(stderr, "error: no command \"%s\"\n", name);
	for (size_t i = 0; i < NELEMS(programs); i++)
		if (strcmp(programs[i][0], name) == 0)
			fprintf(stderr, "help: that is another program: %s\n", programs[i][1]);
	if (near != NULL)
		fprintf(stderr, "help: did you mean \"%s\"?\n", near);
	return NULL;
}

/* What a person does next; the code alone helps a program. */
static void
print_error(const struct context *c, const struct err *e)
{
	struct jsonw *w;

	if (!c->json) {
		fprintf(stderr, "error: %s [%s]\n", e->text, e->code->name);
		return;
	}
	w = jsonw_new(false);
	jsonw_open(w, '{');
	jsonw_member(w, "error", "%s", e->text);
	jsonw_member(w, "code", "%s", e->code->name);
	if (e->field[0] != '\0')
		jsonw_member(w, "field", "%s", e->field);
	jsonw_name(w, "retryable");
	jsonw_bool(w, err_retryable(e));
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "context", required_argument, NULL, 'C' }, { "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },	     { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	     { NULL, 0, NULL, 0 }
	};
	static struct context c;
	const struct command *command;
	struct err e = ERR_NONE;
	int opt;

	log_init("gavel", LOG_WARN);
	opterr = 0; /* option_fault() says it once, and where to read on */
	while ((opt = getopt_long(argc, argv, "+C:qVh", options, NULL)) != -1)
		switch (opt) {
		case 'C': c.path = optarg; break;
		case 'j': c.json = true; break;
		case 'q': c.quiet = true; break;
		case 'V': printf("gavel %s\n", GAVEL_VERSION); return 0;
		case 'h': usage(stdout); return 0;
		default:
			option_fault(argv, "", &e);
			print_error(&c, &e);
			return 2;
		}
	if (optind == argc || strcmp(argv[optind], "help") == 0) {
		usage(optind == argc ? stderr : stdout);
		return optind == argc ? 2 : 0;
	}
	command = command_find(argv[optind]);
	if (command == NULL)
		return 2;
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: begin anew, with another set of options */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (command->help != NULL &&
		    (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			printf("usage: gavel %s%s%s\n\n%s\n%s", command->name,
			       command->args[0] != '\0' ? " " : "", command->args, command->summary,
			       command->help);
			return 0;
		} else if (strcmp(argv[i], "--json") == 0) {
			c.json = true;
			memmove(&argv[i], &argv[i + 1], (size_t)(argc - i) * sizeof(*argv));
			argc--;
			i--;
		}
	if (command->run(&c, argc, argv, &e) == 0)
		return 0;
	if (e.code == &TENANT_SAID)
		return kind_exit_status(e.code->kind);
	if (e.code == &TENANT_USAGE && command->help != NULL && e.field[0] == '\0')
		fprintf(stderr, "usage: gavel %s %s\n", command->name, command->args);
	print_error(&c, &e);
	return kind_exit_status(e.code->kind);
}
