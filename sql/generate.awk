# SPDX-License-Identifier: Apache-2.0
# Named queries to C: each "-- name:" block of sql/query/*.sql becomes
#	void q_NAME(struct batch *b, ...);
# whose parameters are those of "-- args:", so that a wrong argument does not
# compile. With "-- plan: once" it is prepared once for each connection: for what is
# asked often, and whose best plan does not depend on its parameters. usage: awk -v header=1|0 -f generate.awk sql/query/*.sql
BEGIN {
	ctype["id"] = "const struct id *";	call["id"] = "batch_arg_bytes(b, %s != NULL ? %s->b : NULL, 16)"
	ctype["hash"] = "const struct hash *";	call["hash"] = "batch_arg_bytes(b, %s != NULL ? %s->b : NULL, 32)"
	ctype["address"] = "const struct address *"; call["address"] = "batch_arg_bytes(b, %s != NULL ? %s->b : NULL, 20)"
	ctype["sig"] = "const struct sig *";	call["sig"] = "batch_arg_bytes(b, %s != NULL ? %s->b : NULL, 64)"
	ctype["text"] = "const char *";		call["text"] = "batch_arg_text(b, %s)"
	ctype["int"] = "int64_t ";		call["int"] = "batch_arg_int(b, %s)"
	ctype["bool"] = "bool ";		call["bool"] = "batch_arg_bool(b, %s)"
	ctype["amount"] = "struct amount ";	call["amount"] = "batch_arg_u128(b, %s.units)"
	ctype["rate"] = "struct rate ";		call["rate"] = "batch_arg_u128(b, %s.nano)"
	ctype["time"] = "wall_t ";		call["time"] = "batch_arg_time(b, %s)"
	ctype["texts"] = "const struct json_strs *"; call["texts"] = "batch_arg_texts(b, %s->items, %s->count)"
	ctype["bytes"] = "const struct json_bytes *"; call["bytes"] = "batch_arg_bytes(b, %s->b, %s->len)"
	if (header) {
		print "/* Generated from sql/query by sql/generate.awk. */"
		print "#ifndef GAVEL_QUERY_H\n#define GAVEL_QUERY_H\n#include \"lib/db.h\""
		print "#include \"lib/json.h\"\n"
	} else
		print "/* Generated from sql/query by sql/generate.awk. */\n#include \"query.h\"\n"
}
function emit(	i, n, parts, proto, body, pair, line) {
	if (name == "")
		return
	sub(/;[ \t\n]*$/, "", sql)
	n = split(args, parts, /[ \t]*,[ \t]*/)
	if (args == "")
		n = 0
	proto = "void q_" name "(struct batch *b"
	body = ""
	for (i = 1; i <= n; i++) {
		split(parts[i], pair, /[ \t]+/)
		if (!(pair[1] in ctype)) {
			print FILENAME ": " name ": unknown type " pair[1] > "/dev/stderr"
			failed = 1
			exit 1
		}
		proto = proto ", " ctype[pair[1]] pair[2]
		line = call[pair[1]]
		gsub(/%s/, pair[2], line)
		body = body "\t" line ";\n"
	}
	if (header)
		print proto ");"
	else {
		gsub(/\\/, "\\\\", sql)
		gsub(/"/, "\\\"", sql)
		gsub(/\n/, "\\n\"\n\t\"", sql)
		printf "static const struct query query_%s = { \"%s\",\n\t\"%s\", %d, %s };\n\n%s)\n{\n\tbatch_add(b, &query_%s);\n%s}\n\n", \
			name, name, sql, n, once ? "true" : "false", proto, name, body
	}
}
/^-- name:/ { emit(); name = $3; args = ""; sql = ""; once = 0; next }
/^-- plan: once/ { once = 1; next }
/^-- args:/ { sub(/^-- args:[ \t]*/, ""); args = args (args != "" ? ", " : "") $0; sub(/,[ \t]*$/, "", args); next }
/^--/ { next }
name != "" && NF { sql = sql (sql != "" ? "\n" : "") $0 }
END {
	if (failed)
		exit 1
	emit()
	if (header)
		print "\n#endif"
}
