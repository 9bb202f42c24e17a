/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - the form of single words: names, images, hosts, paths, variables;
 * and the bounds of everything that can be counted. Pure.
 *
 * The deployment file, the group and the manifest are checked by the same
 * functions, so what the tenant's file may say and what a provider accepts
 * from the network cannot drift apart. Each rule_*() returns NULL, or the rule
 * that is broken as a sentence: "a name is a-z, 0-9 and -, ...".
 */
#ifndef GAVEL_RULES_H
#define GAVEL_RULES_H

#include "lib/base.h"

#define GROUP_SERVICES_MAX     16u
#define GROUP_ATTRIBUTES_MAX   64u
#define GROUP_AUDITORS_MAX     16u
#define SERVICE_COUNT_MAX      100u
#define SERVICE_ARGS_MAX       256u
#define SERVICE_ENV_MAX	       256u
#define SERVICE_EXPOSES_MAX    32u
#define SERVICE_MOUNTS_MAX     4u
#define SERVICE_CHECKS_MAX     2u
#define SERVICE_GPU_MODELS_MAX 16u
#define GROUP_IPS_MAX	       8u
#define STOP_S_MAX	       600u
#define CHECK_S_MAX	       3600u
#define RECLAIM_S_MAX	       2592000u
#define EGRESS_GIB_MAX	       1000000u
#define EXPOSE_HOSTS_MAX       16u
#define CPU_MILLI_MIN	       10u
#define CPU_MILLI_MAX	       384000u
#define GROUP_CPU_MILLI_MAX    19200000u
#define MEMORY_BYTES_MIN       (UINT64_C(8) << 20) /* less does not start a container */
#define MEMORY_BYTES_MAX       (UINT64_C(2) << 40)
#define GROUP_MEMORY_BYTES_MAX (UINT64_C(100) << 40)
#define STORAGE_BYTES_MIN      (UINT64_C(5) << 20)
#define DISK_BYTES_DEFAULT     (UINT64_C(64) << 20) /* of a service with volumes elsewhere only */
#define STORAGE_BYTES_MAX      (UINT64_C(32) << 40)
#define GPUS_MAX	       24u
#define GROUP_GPUS_MAX	       1200u

/* Of a service, group or volume: [a-z][a-z0-9-]*, not ending in -, at most 63. */
const char *rule_name(const char *text) mustcheck;
/* [host[:port]/]path[:tag][@sha256:...]: the form only. */
const char *rule_image(const char *text) mustcheck;
/* And a fixed version: no tag and the tag "latest" are refused, for neither says
 * what will run. Of our own files; those of Akash may leave it open, and run
 * what the tag means when the provider first looks. */
const char *rule_image_pinned(const char *text) mustcheck;
/* NAME=value. */
const char *rule_env(const char *text) mustcheck;
/* A host name in lower case, without wildcard (RFC 1123). */
const char *rule_host(const char *text) mustcheck;
/* Absolute, without . .. or // in it, not under /proc, /sys or /dev; but memory
 * (a volume of the class ram) may be /dev/shm itself. */
const char *rule_mount_path(const char *text, bool ram) mustcheck;
bool is_ram(const char *class); /* NULL: no class */
#define SHM_PATH "/dev/shm"
/* An argument or a variable's value: text without control characters other
 * than tab and line ends, at most 32 KiB. */
const char *rule_argument(const char *text) mustcheck;
/* VENDOR[/MODEL[/RAM][/INTERFACE]]: nvidia, nvidia/a100, nvidia/h100/80Gi/sxm. */
const char *rule_gpu(const char *text) mustcheck;
/* The path of an HTTP check: absolute, printable, no blank or fragment. */
const char *rule_url_path(const char *text) mustcheck;
/* Printable on one line, at most 128 bytes; not empty. */
const char *rule_attribute_key(const char *text) mustcheck;
const char *rule_attribute_value(const char *text) mustcheck;

#endif
