/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes.h - several nodes of one chain, asked as if they were one. The only file
 * that knows which of them to ask; evm.h says what is asked.
 *
 * The node that answers is asked again. One that is dead, limits us, is on
 * another chain, or whose head is behind the others is left for another, and
 * is not asked again until its time is over and it answers well. A node whose
 * chain id is not known to be ours is asked for it before anything else: its
 * blocks would look like a reorganisation.
 *
 *	command line	evm_now() does all of it
 *	daemon		evm_watch() once; then evm_call_start(), evm_call_result()
 */
#ifndef GAVEL_NODES_H
#define GAVEL_NODES_H

#include "lib/fetch.h"

#define EVM_NODES_MAX 8
/* How often a daemon looks at them. */
#define NODES_EVERY_US (5 * SECOND_US)

enum evm_trust {
	EVM_UNKNOWN, /* its chain id was not asked for yet */
	EVM_OURS,
	EVM_OTHER, /* another chain, or a block that contradicts a final one */
};

struct evm_node {
	enum evm_trust trust;
	mono_t out_until;  /* not asked before that, if another is there */
	unsigned failures; /* in a row */
	uint64_t head;	   /* the last block it told of; 0: none */
	uint64_t head_time;
	bool told; /* the log says that it was left */
};

struct evm {
	struct json_strs urls; /* borrowed; at most EVM_NODES_MAX */
	uint64_t chain_id;     /* 0: whatever the first node says */
	u128 fee_max;	       /* wei per gas that is paid at most; 0: 1000 gwei */
	size_t first;	       /* the node to ask first */
	uint32_t lag_blocks;   /* more than that behind the others is too far; 0: 5 */
	bool watched;
	struct evm_node nodes[EVM_NODES_MAX];
};

/* The settings rpc_url (one) and rpc_urls (several); exactly one of them. */
int evm_urls(struct arena *a, struct evm *evm, const char *rpc_url,
	     const struct json_strs *rpc_urls, struct err *e) mustcheck;

/* Ask every node for its chain and its head, waiting for each in turn. */
void evm_look_now(struct arena *a, struct evm *evm);
/* The same now, and then every `every_us` in the background. From then on a node
 * that was not looked at is not asked. */
void evm_watch(struct loop *l, struct evm *evm, int64_t every_us);

/* In a task: start in a step, read in the next. */
struct evm_call {
	struct fetch fetch;
	struct evm *evm; /* borrowed */
	size_t node;	 /* that was asked */
};
enum next evm_call_start(struct task *t, struct evm *evm, const char *body, struct evm_call *call);
int evm_call_result(struct arena *a, struct evm_call *call, struct json **result,
		    struct err *e) mustcheck;

/* For the command line, blocking: each node in turn until one answers. */
int evm_now(struct arena *a, struct evm *evm, const char *body, struct json **result,
	    struct err *e) mustcheck;

/* What this node says cannot be: it is not asked again until the process ends. */
void evm_distrust(struct evm *evm, size_t node, const char *why);
/* Its answers do not fit together: another is asked for a while. */
void evm_doubt(struct evm *evm, size_t node, const char *why);
/* Scheme, host and port of a node: its path may be a secret. */
const char *evm_node_name(struct arena *a, const struct evm *evm, size_t node);

#endif
