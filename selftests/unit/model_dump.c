/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model_dump.c - see model_dump.h. */
#include "selftests/unit/model_dump.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void dump_prefix(FILE *out, const char *name, const struct xs_prefix *prefix)
{
	char text[XS_PREFIX_TEXT];

	fprintf(out, " %s=%s", name, prefix->family ? xs_prefix_text(prefix, text) : "-");
}

static void dump_address(FILE *out, const char *name, const struct xs_address *address)
{
	char text[XS_PREFIX_TEXT];

	fprintf(out, " %s=%s", name, address->family ? xs_address_text(address, text) : "-");
}

static void dump_mac(FILE *out, const struct xs_mac *mac)
{
	char text[XS_PREFIX_TEXT];

	fprintf(out, " mac=%s", xs_mac_text(mac, text));
}

static void dump_port_name(FILE *out, const char *name, const struct xs_d_port *port)
{
	fprintf(out, " %s=%s/%s", name, port ? port->node->name : "-", port ? port->name : "-");
}

static void dump_range(FILE *out, const char *name, const struct xs_d_range *range)
{
	fprintf(out, " %s=%u-%u", name, range->first, range->last);
}

static void dump_routes(FILE *out, const char *kind, const struct xs_d_route *route, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "    %s", kind);
		dump_prefix(out, "prefix", &route[i].prefix);
		dump_address(out, "via", &route[i].via);
		fputc('\n', out);
	}
}

static void dump_node(FILE *out, const struct xs_d_node *node)
{
	fprintf(out, "node %s blocks=%u\n", node->name, node->blocks);
	for (size_t i = 0; i < node->port_count; i++) {
		const struct xs_d_port *port = &node->port[i];

		assert_ptr_equal(port->node, node);
		fprintf(out, "  port %s interface=%s mtu=%u mode=%d attach=%d stack=%d", port->name, port->interface,
			port->mtu, port->mode, port->attach, port->stack);
		dump_port_name(out, "peer", port->peer);
		if (port->through) {
			fprintf(out, " switch=%s", port->through->name);
			for (size_t j = 0; j < port->through->carries_count; j++)
				dump_range(out, "carries", &port->through->carries[j]);
		}
		for (size_t j = 0; j < port->reserved_count; j++)
			dump_range(out, "reserved", &port->reserved[j]);
		fputc('\n', out);
	}
}

static void dump_slice(FILE *out, const struct xs_d_slice *slice)
{
	fprintf(out, "slice %s id=%u implementation=%d protocol=%d\n", slice->name, slice->id, slice->implementation,
		slice->protocol);
	for (size_t i = 0; i < slice->page_count; i++) {
		fputs("  page", out);
		dump_prefix(out, "prefix", &slice->page[i].prefix);
		dump_prefix(out, "mapped", &slice->page[i].mapped);
		fputc('\n', out);
	}
	for (size_t i = 0; i < slice->vrf_count; i++) {
		const struct xs_d_vrf *vrf = &slice->vrf[i];

		assert_ptr_equal(vrf->slice, slice);
		fprintf(out, "  vrf %s node=%s id=%u", vrf->name, vrf->node->name, vrf->id);
		dump_mac(out, &vrf->mac);
		fputc('\n', out);
		dump_routes(out, "route", vrf->route, vrf->route_count);
	}
	for (size_t i = 0; i < slice->link_count; i++) {
		const struct xs_d_link *link = &slice->link[i];

		assert_ptr_equal(link->slice, slice);
		fprintf(out, "  link %s ends=%s,%s mtu=%u label=%u", link->name, link->end[0]->name, link->end[1]->name,
			link->mtu, link->label);
		dump_port_name(out, "from", link->port[0]);
		dump_port_name(out, "to", link->port[1]);
		for (int f = 0; f < XS_FAMILIES; f++)
			dump_prefix(out, "subnet", &link->subnet[f]);
		fputc('\n', out);
	}
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];

		assert_ptr_equal(gateway->slice, slice);
		fprintf(out, "  gateway %s vrf=%s", gateway->name, gateway->vrf->name);
		dump_port_name(out, "port", gateway->port);
		for (int f = 0; f < XS_FAMILIES; f++)
			dump_prefix(out, "subnet", &gateway->subnet[f]);
		for (int f = 0; f < XS_FAMILIES; f++)
			dump_address(out, "address", &gateway->address[f]);
		dump_mac(out, &gateway->mac);
		fputc('\n', out);
		dump_routes(out, "behind", gateway->behind, gateway->behind_count);
	}
}

static void dump_filter(FILE *out, const struct xs_d_filter *filter)
{
	fprintf(out, "filter %s\n", filter->name);
	for (size_t i = 0; i < filter->condition_count; i++) {
		const struct xs_d_condition *condition = &filter->condition[i];

		fprintf(out, "  condition fields=%#x protocol=%u input-port=%s", condition->fields, condition->protocol,
			or_none(condition->input_port));
		dump_prefix(out, "destination", &condition->destination);
		dump_prefix(out, "source", &condition->source);
		dump_range(out, "source-port", &condition->source_port);
		dump_range(out, "destination-port", &condition->destination_port);
		dump_range(out, "dscp", &condition->dscp);
		fputc('\n', out);
	}
}

static void dump_mux(FILE *out, const struct xs_d_mux *mux)
{
	fprintf(out, "mux %s node=%s", mux->name, mux->node->name);
	dump_port_name(out, "port", mux->port);
	for (int f = 0; f < XS_FAMILIES; f++)
		dump_prefix(out, "subnet", &mux->subnet[f]);
	for (int f = 0; f < XS_FAMILIES; f++)
		dump_address(out, "address", &mux->address[f]);
	dump_mac(out, &mux->mac);
	fputc('\n', out);
	for (size_t i = 0; i < mux->client_count; i++) {
		fputs("  client", out);
		dump_prefix(out, "prefix", &mux->client[i].prefix);
		dump_address(out, "via", &mux->client[i].via);
		fputc('\n', out);
	}
	for (size_t i = 0; i < mux->slice_count; i++)
		fprintf(out, "  slice %s vrf=%s filter=%s\n", mux->slice[i].slice->name, mux->slice[i].vrf->name,
			mux->slice[i].filter->name);
}

char *model_dump(const struct xs_domain *domain)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "domain implementation=%d", domain->implementation);
	for (size_t i = 0; i < domain->pool_count; i++)
		dump_prefix(out, domain->pool[i].given ? "pool" : "default-pool", &domain->pool[i].prefix);
	fputc('\n', out);
	for (size_t i = 0; i < domain->node_count; i++)
		dump_node(out, &domain->node[i]);
	for (size_t i = 0; i < domain->slice_count; i++)
		dump_slice(out, &domain->slice[i]);
	for (size_t i = 0; i < domain->filter_count; i++)
		dump_filter(out, &domain->filter[i]);
	for (size_t i = 0; i < domain->mux_count; i++)
		dump_mux(out, &domain->mux[i]);
	for (size_t i = 0; i < domain->migration_count; i++) {
		const struct xs_d_migration *migration = &domain->migration[i];

		fprintf(out, "migration %s group=%s from=%s to=%s", migration->name, or_none(migration->group),
			migration->from->name, migration->to->name);
		for (int f = 0; f < XS_FAMILIES; f++)
			dump_address(out, "address", &migration->address[f]);
		dump_mac(out, &migration->mac);
		fputc('\n', out);
	}
	fclose(out);
	return text;
}

struct xs_domain *model_parse(const char *text, enum xs_format format)
{
	struct xs_diag *diag = xs_diag_new("text");
	struct xs_domain *domain = NULL;
	int err;

	assert_non_null(diag);
	err = xs_domain_parse(text, strlen(text), format, diag, &domain);
	xs_diag_print(diag, stderr);
	assert_int_equal(err, 0);
	assert_int_equal(xs_diag_errors(diag), 0);
	xs_diag_free(diag);
	return domain;
}

char *model_faults(const char *text, size_t size, enum xs_format format)
{
	struct xs_diag *diag = xs_diag_new("x");
	struct xs_domain *domain = NULL;
	char *faults = NULL;
	size_t faults_size;
	FILE *out;
	int err;

	assert_non_null(diag);
	err = xs_domain_parse(text, size, format, diag, &domain);
	/* Either there is a domain, or a fault is said. */
	if (err) {
		assert_int_equal(err, -EINVAL);
		assert_null(domain);
		assert_true(xs_diag_errors(diag) > 0);
	} else {
		assert_non_null(domain);
		assert_int_equal(xs_diag_errors(diag), 0);
	}
	xs_domain_free(domain);
	out = open_memstream(&faults, &faults_size);
	assert_non_null(out);
	xs_diag_print(diag, out);
	fclose(out);
	/* libyang must never find what the checks did not. */
	assert_null(strstr(faults, "the schema refuses"));
	xs_diag_free(diag);
	return faults;
}

char *model_slurp(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(1 << 20);

	if (!file)
		fail_msg("%s cannot be read", path);
	assert_non_null(text);
	*size = fread(text, 1, (1 << 20) - 1, file);
	assert_true(feof(file));
	fclose(file);
	text[*size] = '\0';
	return text;
}
