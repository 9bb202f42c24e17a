/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/settings.h"

#include <arpa/inet.h>

#include "deploy/rules.h"
#include "deploy/sdl_units.h"
#include "lib/conf.h"
#include "provider/jail/net.h"

#define R struct resources
static const struct json_field reserve_fields[] = { JSON_U32(R, cpu_milli, 0, JSON_OPTIONAL),
						    JSON_U64(R, memory_bytes, JSON_OPTIONAL),
						    JSON_U64(R, storage_bytes, JSON_OPTIONAL),
						    JSON_END };
#undef R

#define S struct spot_settings
static const struct json_field spot_floor_fields[] = {
	JSON_STR(struct spot_floor, class, POOL_CLASS_MAX, 0),
	JSON_RATE(struct spot_floor, floor, 0), JSON_END
};
static const struct json_field spot_fields[] = {
	JSON_U32(S, discount_bp, 9999, JSON_OPTIONAL),
	JSON_LIST(S, floors, spot_floor_fields, struct spot_floor, 16, JSON_OPTIONAL),
	JSON_U32(S, notice_s, POOL_NOTICE_MAX, JSON_OPTIONAL),
	JSON_U32(S, keep_s, 604800, JSON_OPTIONAL), JSON_END
};
#undef S

#define T   struct provider_settings
#define OPT JSON_OPTIONAL
#define PRICE_U32(text, m, most)                                                                   \
	{                                                                                          \
		.name = text, .kind = JSON_KIND_U32, .flags = OPT,                                 \
		.offset = offsetof(T, prices.m), .max = most                                       \
	}
static const struct json_field fields[] = {
	JSON_STR(T, market_url, 200, 0),
	JSON_STR(T, market_ca, 500, OPT),
	JSON_STR(T, listen, 64, OPT),
	JSON_U32(T, port, 65535, OPT),
	JSON_STR(T, public_host, 200, OPT),
	JSON_U32(T, endpoint_port_first, 65535, OPT),
	JSON_U32(T, endpoint_port_count, 10000, OPT),
	JSON_STR(T, user, 32, OPT),
	JSON_STR(T, key_file, 500, 0),
	JSON_STR(T, password_file, 500, 0),
	JSON_STR(T, state_dir, 200, OPT),
	JSON_STR(T, run_dir, 200, OPT),
	JSON_STR(T, tag, 4, 0),
	JSON_STR(T, network, 20, 0),
	JSON_STRS(T, deny, 256, OPT),
	JSON_STRS(T, resolvers, 8, OPT),
	JSON_STRS(T, insecure_registries, 32, OPT),
	JSON_STRS(T, private_registries, 32, OPT),
	JSON_STR(T, image_cache, 32, OPT),
	JSON_STR(T, image_max, 32, OPT),
	JSON_U32(T, uid_base, 0, OPT),
	JSON_U32(T, image_uid_base, 0, OPT),
	JSON_U32(T, slots, 4096, OPT),
	JSON_STR(T, rpc_url, 500, OPT),
	JSON_STRS(T, rpc_urls, EVM_NODES_MAX, OPT),
	JSON_U64(T, chain_id, 0),
	JSON_ADDRESS(T, escrow, 0),
	JSON_ADDRESS(T, token, 0),
	JSON_OBJ(T, capacity, resources_fields, OPT),
	JSON_OBJ(T, reserve, reserve_fields, OPT),
	JSON_OBJ(T, overcommit, overcommit_fields, OPT),
	JSON_LIST(T, volumes, volume_class_fields, struct volume_class, CLASSES_MAX, OPT),
	JSON_U32(T, volume_keep_s, 31536000, OPT),
	JSON_U32(T, paused_keep_s, 31536000, OPT),
	JSON_U32(T, paused_hold_s, 31536000, OPT),
	JSON_U32(T, unpaid_max_s, 31536000, OPT),
	JSON_LIST(T, gpus, gpu_fields, struct gpu, MACHINE_GPUS, OPT),
	JSON_STR(T, cdi_dir, 120, OPT),
	JSON_LIST(T, attributes, attribute_fields, struct attribute, 64, 0),
	{ .name = "card",
	  .kind = JSON_KIND_OBJECT,
	  .offset = offsetof(T, prices.card),
	  .sub = rate_card_fields },
	PRICE_U32("list_bp", list_bp, 1000000),
	PRICE_U32("curve_bp", curve_bp, 20000),
	PRICE_U32("price_least_bp", least_bp, 10000),
	{ .name = "tenants",
	  .kind = JSON_KIND_OBJECT,
	  .flags = OPT,
	  .offset = offsetof(T, prices.tenants),
	  .sub = tenant_rules_fields },
	JSON_STRS(T, price_program, 32, OPT),
	JSON_U32(T, price_timeout_ms, 60000, OPT),
	JSON_U32(T, price_at_once, 256, OPT),
	JSON_STR(T, price_fallback, 8, OPT),
	JSON_BOOLEAN(T, standing, OPT),
	JSON_U32(T, launch_s, 3600, OPT),
	JSON_U32(T, min_term_s, 31536000, OPT),
	JSON_U32(T, meter_every_ms, 3600000, OPT),
	JSON_U32(T, reclaim_s, RECLAIM_S_MAX, OPT),
	JSON_U32(T, lease_in_mbit, NET_MBIT_MAX, OPT),
	JSON_U32(T, lease_out_mbit, NET_MBIT_MAX, OPT),
	JSON_U32(T, lease_disk_mib, 1000000, OPT),
	JSON_BOOLEAN(T, accept_old_runc, OPT),
	JSON_BOOLEAN(T, accept_ram_disk, OPT),
	JSON_U32(T, ingress_http, 65535, OPT),
	JSON_U32(T, ingress_https, 65535, OPT),
	JSON_STR(T, ingress_address, 64, OPT),
	JSON_STR(T, ingress_domain, 190, OPT),
	JSON_STR(T, ingress_certs, 500, OPT),
	JSON_U32(T, ingress_routes, 4096, OPT),
	JSON_STR(T, acme_url, 500, OPT),
	JSON_STR(T, acme_email, 200, OPT),
	JSON_STR(T, acme_ca, 500, OPT),
	JSON_U32(T, acme_port, 65535, OPT),
	JSON_STRS(T, ips, 256, OPT),
	JSON_U32(T, dns_port, 65535, OPT),
	JSON_OBJ(T, spot, spot_fields, OPT),
	JSON_U32(T, log_keep_s, 0, OPT),
	JSON_END
};
#undef T

int
network_read(const char *text, uint32_t *out, struct err *e)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1 || (ntohl(in.s_addr) & 3) != 0)
		return err_field(e, &ERR_CONFIG, "/network",
				 "network: expected an address like 10.86.0.0, got \"%s\"", text);
	*out = ntohl(in.s_addr);
	return 0;
}

static int
size_read(const char *field, const char *text, uint64_t *out, struct err *e)
{
	struct sdl_hint hint = { "" };
	const char *fault = sdl_size_read(text, out, &hint);

	if (fault != NULL)
		return err_field(e, &ERR_CONFIG, field, "%s: \"%s\": %s", field + 1, text, fault);
	return 0;
}

/* Who listens on all addresses would have their ports too. */
static int
ips_check(const struct provider_settings *s, struct err *e)
{
	const char *web = s->ingress_address != NULL ? s->ingress_address : s->listen;
	struct in_addr in;

	for (size_t i = 0; i < s->ips.count; i++)
		if (inet_pton(AF_INET, s->ips.items[i], &in) != 1)
			return err_field(e, &ERR_CONFIG, "/ips",
					 "ips: \"%.40s\" is not an IPv4 address", s->ips.items[i]);
	if (s->ips.count > 0 && (strcmp(s->listen, "0.0.0.0") == 0 || strcmp(web, "0.0.0.0") == 0))
		return err_field(e, &ERR_CONFIG, "/ips",
				 "ips: listen and ingress_address must name one address, not "
				 "0.0.0.0");
	return 0;
}

static int
spot_check(const struct spot_settings *s, struct err *e)
{
	const struct spot_floor *f = s->floors.items;

	for (size_t i = 0; i < s->floors.count; i++) {
		const char *fault = pool_class_fault(f[i].class);

		if (fault == NULL && f[i].floor.nano == 0)
			fault = "a floor is above 0";
		if (fault != NULL)
			return err_field(e, &ERR_CONFIG, "/spot/floors", "spot: \"%.60s\": %s",
					 f[i].class, fault);
	}
	return 0;
}

static int
price_check(const struct provider_settings *s, struct err *e)
{
	if (spot_check(&s->spot, e) < 0 || card_check(&s->prices.card, e) < 0 ||
	    tenant_rules_check(&s->prices.tenants, e) < 0)
		return -1;
	if (s->price_program.count > 0 && s->price_program.items[0][0] != '/')
		return err_field(e, &ERR_CONFIG, "/price_program",
				 "price_program: \"%.60s\" is not an absolute path",
				 s->price_program.items[0]);
	if (s->price_timeout_ms == 0 || s->price_at_once == 0)
		return err_field(e, &ERR_CONFIG, "/price_timeout_ms",
				 "price_timeout_ms and price_at_once are at least 1");
	if (strcmp(s->price_fallback, "decline") != 0 && strcmp(s->price_fallback, "card") != 0)
		return err_field(e, &ERR_CONFIG, "/price_fallback",
				 "price_fallback is decline or card");
	return 0;
}

int
provider_settings_read(struct arena *a, const char *path, struct provider_settings *s,
		       struct err *e)
{
	uint32_t network;

	*s = (struct provider_settings){
		.listen = "0.0.0.0",
		.port = 8443,
		.public_host = "127.0.0.1",
		.endpoint_port_first = 30000,
		.endpoint_port_count = 1000,
		.user = "gavel",
		.state_dir = "/var/lib/gavel/provider",
		.run_dir = "/run/gavel/provider",
		.uid_base = 65536 * 16,
		.image_uid_base = 65536 * 8,
		.image_cache = "20Gi",
		.image_max = "10Gi",
		.slots = 256,
		.prices = { .list_bp = 11000, .curve_bp = 3000, .least_bp = 5000 },
		.price_timeout_ms = 200,
		.price_at_once = 4,
		.price_fallback = "decline",
		.standing = true,
		.launch_s = 10,
		.meter_every_ms = 10000,
		.ingress_routes = 256,
		.acme_port = 8402,
		.dns_port = 8453,
		.reclaim_s = RECLAIM_S_MAX,
		.spot = { .notice_s = 30, .keep_s = 24 * 3600 },
		.log_keep_s = 24 * 3600,
		.reserve = { .cpu_milli = 250,
			     .memory_bytes = UINT64_C(512) << 20,
			     .storage_bytes = UINT64_C(2) << 30 },
		.overcommit = { 10000, 10000, 10000 },
		.volume_keep_s = 72 * 3600,
		.paused_keep_s = 72 * 3600,
		.paused_hold_s = 3600,
	};
	if (conf_read(a, path, fields, s, e) < 0 || machine_check(&s->volumes, &s->gpus, e) < 0 ||
	    price_check(s, e) < 0 || evm_urls(a, &s->evm, s->rpc_url, &s->rpc_urls, e) < 0)
		return -1;
	s->evm.chain_id = s->chain_id;
	if (s->acme_url != NULL && (s->acme_email == NULL || s->ingress_http == 0))
		return err_field(e, &ERR_CONFIG, "/acme_url",
				 "acme_url goes with acme_email and with ingress_http");
	if (s->ingress_domain != NULL && rule_host(s->ingress_domain) != NULL)
		return err_field(e, &ERR_CONFIG, "/ingress_domain", "ingress_domain: %s",
				 rule_host(s->ingress_domain));
	if (ips_check(s, e) < 0)
		return -1;
	s->capacity.ips = (uint32_t)s->ips.count;
	if (size_read("/image_cache", s->image_cache, &s->image_cache_bytes, e) < 0 ||
	    size_read("/image_max", s->image_max, &s->image_max_bytes, e) < 0)
		return -1;
	return network_read(s->network, &network, e);
}
