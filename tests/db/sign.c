/* SPDX-License-Identifier: Apache-2.0 */
/* sign KEY PASSWORDFILE TO NONCE MAXFEE: a transaction as the market's outbox holds
 * them, signed bytes and hash in hex. For outbox.sh. */
#include "lease/keystore.h"
#include "lease/tx.h"

int
main(int argc, char **argv)
{
	static const uint8_t data[4] = { 0x18, 0x16, 0x0d, 0xdd }; /* totalSupply() */
	char hash_hex[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	const uint8_t *raw;
	struct arena a;
	struct hash hash;
	struct key key;
	struct tx tx;
	size_t len;

	arena_init(&a, 0);
	tx = (struct tx){
		.chain_id = 31337, .gas = 100000, .tip = 1, .data = data, .data_len = sizeof(data)
	};
	if (argc != 6)
		fatal("sign KEY PASSWORDFILE TO NONCE MAXFEE");
	if (address_read(argv[3], &tx.to, &e) < 0 || keystore_load(argv[1], argv[2], &key, &e) < 0)
		fatal("%s", e.text);
	tx.nonce = strtoull(argv[4], NULL, 10);
	tx.max_fee = strtoull(argv[5], NULL, 10);
	raw = tx_sign(&a, &tx, &key, &len, &hash);
	printf("%s %s\n", hex_text(raw, len, arena_alloc(&a, 2 * len + 3)) + 2,
	       hash_text(&hash, hash_hex) + 2);
	key_release(&key);
	arena_release(&a);
	return 0;
}
