/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - provider.yaml as a struct. */
#ifndef GAVEL_PROVIDER_SETTINGS_H
#define GAVEL_PROVIDER_SETTINGS_H

#include "deploy/group.h"
#include "lease/nodes.h"
#include "lease/pool.h"
#include "provider/bid/capacity.h"
#include "provider/bid/pricing.h"

/* The interruptible tier; neither a discount nor floors: no part in it. */
struct spot_floor { /* of a class of pool.h, per unit */
	const char *class;
	struct rate floor;
};
struct spot_settings {
	uint32_t discount_bp;	 /* floors are the card's price less this */
	struct json_list floors; /* of struct spot_floor: in place of that */
	uint32_t notice_s;
	uint32_t keep_s; /* an interrupted lease and its volumes wait so long */
};

struct provider_settings {
	const char *market_url, *market_ca;
	const char *listen; /* of the gateway */
	uint32_t port;
	const char *public_host; /* how tenants reach the gateway and the endpoints */
	uint32_t endpoint_port_first, endpoint_port_count;
	const char *user; /* of agent and signer, when started as root */
	const char *key_file, *password_file;
	const char *state_dir, *run_dir;
	const char *tag;       /* [a-z0-9]{1,4}: names on this machine */
	const char *network;   /* a.b.c.d: the first of the /30s */
	struct json_strs deny; /* prefixes workloads must not reach */
	struct json_strs resolvers;
	struct json_strs insecure_registries; /* host:port without TLS */
	struct json_strs private_registries;  /* host:port that may lie on a private address */
	const char *image_cache, *image_max;  /* sizes, like 20Gi: */
	uint64_t image_cache_bytes;	      /* of all images on the disk */
	uint64_t image_max_bytes;	      /* of one, fetched or unpacked */
	uint32_t uid_base, image_uid_base, slots;
	const char *rpc_url;
	struct json_strs rpc_urls; /* one of the two */
	struct evm evm;		   /* made of them; a process works on a copy */
	uint64_t chain_id;
	struct address escrow, token;
	struct resources capacity; /* what may be sold; all zero: what the inventory gives */
	struct resources reserve;  /* of the machine, for itself */
	struct overcommit overcommit;
	struct json_list volumes; /* of struct volume_class */
	uint32_t volume_keep_s;	  /* how long volumes of a closed lease are kept */
	uint32_t paused_keep_s;	  /* how long a lease is, whose deposit is used up */
	uint32_t paused_hold_s;	  /* and how long of this also its CPUs, memory and GPUs */
	uint32_t unpaid_max_s;	  /* what may be metered without a signature; 0: the window */
	struct json_list gpus;	  /* of struct gpu; live leases know them by device */
	const char *cdi_dir;	  /* besides /etc/cdi and /var/run/cdi */
	struct json_list attributes;
	struct price_rules prices;	/* card: the floor; list_bp, curve_bp, tenants */
	struct json_strs price_program; /* argv; none: the card decides */
	uint32_t price_timeout_ms, price_at_once;
	const char *price_fallback; /* when it fails: "decline" or "card" */
	bool standing;		    /* also offers by the card, for ticks: offering.h */
	uint32_t launch_s;	    /* from the award to a service that answers */
	uint32_t min_term_s;	    /* of an order that a standing offer takes */
	uint32_t meter_every_ms;
	uint32_t reclaim_s;			/* the longest notice that we promise to give */
	uint32_t lease_in_mbit, lease_out_mbit; /* bandwidth of a container; 0: net.h */
	uint32_t lease_disk_mib;		/* MiB a second to and from disk; 0: jail.h */
	bool accept_old_runc;
	bool accept_ram_disk;		      /* disks in memory where loop devices run out */
	uint32_t ingress_http, ingress_https; /* ports of the HTTP proxy; 0: none */
	const char *ingress_address;	      /* NULL: as listen */
	const char *ingress_domain;	      /* *.domain leads here, or NULL */
	const char *ingress_certs;	      /* directory of the operator's *.pem, or NULL */
	uint32_t ingress_routes;	      /* HTTP endpoints at once */
	const char *acme_url, *acme_email;    /* NULL: no certificates are asked for */
	const char *acme_ca;		      /* who signs for acme_url, or NULL: the system's */
	uint32_t acme_port;		      /* of 127.0.0.1, for its challenges */
	struct json_strs ips;		      /* addresses of the machine for single leases */
	uint32_t dns_port;		      /* for the workloads' names; 0: /etc/hosts */
	struct spot_settings spot;
	uint32_t log_keep_s; /* logs outlive their lease by this */
};

int provider_settings_read(struct arena *a, const char *path, struct provider_settings *s,
			   struct err *e) mustcheck;
int network_read(const char *text, uint32_t *out, struct err *e) mustcheck;

#endif
