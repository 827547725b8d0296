/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_model.c - definitions without fault: the three forms give one domain, values and references arrive, defaults are
 * filled in, the rules of writing hold. Also the collection of faults itself.
 */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/model/document.h"
#include "selftests/unit/model_dump.h"

static struct xs_domain *read_file(const char *path)
{
	struct xs_diag *diag = xs_diag_new(path);
	struct xs_domain *domain = NULL;
	int err = xs_domain_read(path, XS_FORMAT_GUESS, diag, &domain);

	xs_diag_print(diag, stderr);
	assert_int_equal(err, 0);
	assert_int_equal(xs_diag_warnings(diag), 0);
	xs_diag_free(diag);
	return domain;
}

static void assert_same(struct xs_domain *a, struct xs_domain *b)
{
	char *one = model_dump(a), *other = model_dump(b);

	assert_string_equal(one, other);
	free(one);
	free(other);
}

static void test_three_forms_of_figure7(void **state)
{
	struct xs_domain *yaml = read_file("docs/examples/figure7.yaml");
	struct xs_domain *json = read_file("docs/examples/figure7.json");
	struct xs_domain *xml = read_file("docs/examples/figure7.xml");

	assert_same(yaml, json);
	assert_same(yaml, xml);
	xs_domain_free(yaml);
	xs_domain_free(json);
	xs_domain_free(xml);
}

/* A list of one of each family, or a scalar; in whatever order. */
static void test_three_forms_of_two_families(void **state)
{
	static const char *const form[] = {
		"node: [{name: N, port: [{name: a}]}]\n"
		"slice:\n"
		"  - name: S\n"
		"    vrf: [{name: v, node: N}]\n"
		"    gateway: [{name: g, vrf: v, port: a, subnet: [\"2001:DB8:0:0::/64\", 10.0.0.0/24], address: 10.0.0.9}]\n",
		"{\"node\": [{\"name\": \"N\", \"port\": [{\"name\": \"a\"}]}],"
		" \"slice\": [{\"name\": \"S\", \"vrf\": [{\"name\": \"v\", \"node\": \"N\"}],"
		" \"gateway\": [{\"name\": \"g\", \"vrf\": \"v\", \"port\": \"a\","
		" \"subnet\": [\"10.0.0.0/24\", \"2001:db8::/64\"], \"address\": [\"10.0.0.9\"]}]}]}",
		"<domain xmlns='urn:xslice'><node><name>N</name><port><name>a</name></port></node><slice><name>S</name>"
		"<vrf><name>v</name><node>N</node></vrf><gateway><name>g</name><subnet>10.0.0.0/24</subnet><vrf>v</vrf>"
		"<port>a</port><subnet>2001:db8::/64</subnet><address>10.0.0.9</address></gateway></slice></domain>",
	};
	struct xs_domain *yaml = model_parse(form[0], XS_FORMAT_YAML), *json = model_parse(form[1], XS_FORMAT_JSON),
			 *xml = model_parse(form[2], XS_FORMAT_XML);
	const struct xs_d_gateway *gateway = &yaml->slice[0].gateway[0];
	char text[XS_PREFIX_TEXT];

	assert_same(yaml, json);
	assert_same(yaml, xml);
	assert_string_equal(xs_prefix_text(&gateway->subnet[XS_FAMILY4], text), "10.0.0.0/24");
	assert_string_equal(xs_prefix_text(&gateway->subnet[XS_FAMILY6], text), "2001:db8::/64");
	assert_int_equal(gateway->subnet_place[XS_FAMILY6].column, 51);
	assert_int_equal(gateway->subnet_place[XS_FAMILY4].column, 72);
	assert_string_equal(xs_address_text(&gateway->address[XS_FAMILY4], text), "10.0.0.9");
	assert_int_equal(gateway->address[XS_FAMILY6].family, XS_FAMILY_NONE);
	xs_domain_free(yaml);
	xs_domain_free(json);
	xs_domain_free(xml);
}

/* The YAML of docs/definition.md, put together. */
static void test_the_documentation_is_true(void **state)
{
	char *page, *yaml = NULL, *at, *end;
	struct xs_domain *domain;
	size_t size, pieces = 0;
	FILE *out = open_memstream(&yaml, &size);

	assert_non_null(out);
	page = model_slurp("docs/definition.md", &size);
	for (at = page; (at = strstr(at, "```yaml\n")); at = end) {
		at += strlen("```yaml\n");
		end = strstr(at, "```");
		assert_non_null(end);
		fwrite(at, 1, (size_t)(end - at), out);
		pieces++;
	}
	fclose(out);
	assert_true(pieces >= 9);
	domain = model_parse(yaml, XS_FORMAT_YAML);
	assert_int_equal(domain->slice_count, 2);
	assert_int_equal(domain->mux_count, 1);
	assert_int_equal(domain->migration_count, 2);
	xs_domain_free(domain);
	free(yaml);
	free(page);
}

static void test_figure7(void **state)
{
	struct xs_domain *d = read_file("docs/examples/figure7.yaml");
	const struct xs_d_slice *p = &d->slice[0];
	char text[XS_PREFIX_TEXT];

	assert_int_equal(d->node_count, 3);
	assert_int_equal(d->slice_count, 2);
	assert_string_equal(p->name, "P");
	assert_int_equal(p->vrf_count, 3);
	assert_int_equal(p->link_count, 3);
	assert_ptr_equal(p->link[1].end[0], &p->vrf[0]);
	assert_ptr_equal(p->link[1].end[1], &p->vrf[2]);
	assert_string_equal(p->link[1].port[0]->name, "r3");
	assert_ptr_equal(p->link[1].port[1], p->link[1].port[0]->peer);
	assert_ptr_equal(p->link[1].port[1]->node, &d->node[2]);
	assert_int_equal(p->link[1].mtu, 1400);
	assert_int_equal(p->link[0].mtu, 0);
	assert_int_equal(p->link[1].subnet_place[XS_FAMILY4].line, 36);
	assert_int_equal(p->link[1].subnet_place[XS_FAMILY4].column, 45);
	assert_ptr_equal(p->gateway[0].port, &d->node[0].port[0]);
	assert_string_equal(xs_prefix_text(&p->gateway[0].subnet[XS_FAMILY4], text), "10.0.0.0/16");
	assert_int_equal(p->gateway[0].address[XS_FAMILY4].family, XS_FAMILY_NONE);
	assert_int_equal(d->node[0].port[0].mtu, 1500);
	assert_string_equal(d->node[0].port[0].interface, "pdc");
	assert_null(d->node[0].port[0].peer);
	assert_int_equal(d->filter[0].condition_count, 2);
	assert_int_equal(d->filter[0].condition[1].fields, XS_MATCH_DESTINATION);
	assert_string_equal(xs_prefix_text(&d->filter[0].condition[1].destination, text), "10.0.0.6/32");
	assert_int_equal(d->filter[1].condition[0].fields, XS_MATCH_ANY);
	assert_ptr_equal(d->mux[0].slice[1].vrf, &d->slice[1].vrf[2]);
	assert_ptr_equal(d->mux[0].slice[1].filter, &d->filter[1]);
	assert_string_equal(d->migration[0].group, "rack1");
	assert_null(d->migration[1].group);
	assert_ptr_equal(d->migration[1].to, &d->slice[1]);
	assert_string_equal(xs_mac_text(&d->migration[1].mac, text), "52:54:00:00:00:06");
	xs_domain_free(d);
}

/* Every element of the schema that works, in its YAML form. */
static const char whole_yaml[] =
	"implementation: segmentation\n"
	"pool: [172.16.0.0/12, fd00:7::/32]\n"
	"switch:\n"
	"  - {name: metro, carries: [50-99, 300]}\n"
	"node:\n"
	"  - name: R1\n"
	"    address-blocks: 4096\n"
	"    port:\n"
	"      - {name: pdc, interface: eth0, mtu: 9000, mode: generic, attach: exclusive, stack: local}\n"
	"      - {name: a, peer: R2/a, reserved-label: [1-9, 4094]}\n"
	"      - {name: b, peer: R2/b, switch: metro}\n"
	"  - {name: R2, port: [{name: users}, {name: a, peer: R1/a}, {name: b, peer: R1/b}]}\n"
	"slice:\n"
	"  - name: P\n"
	"    id: 65535\n"
	"    implementation: segmentation\n"
	"    routing: {protocol: static}\n"
	"    page: [{prefix: 10.0.0.0/8, mapped: 11.0.0.0/8}, 192.0.2.0/24]\n"
	"    vrf:\n"
	"      - name: v1\n"
	"        node: R1\n"
	"        id: 5\n"
	"        mac: 02:00:00:00:00:aa\n"
	"        route: [{prefix: 172.16.0.0/12, via: 10.1.0.2}, {prefix: 192.168.7.7, via: 10.0.0.9}]\n"
	"      - {name: v2, node: R2}\n"
	"    link:\n"
	"      - {name: l, ends: [v2, v1], subnet: [10.1.1.0/31]}\n"
	"      - {name: m, ends: [v1, v2], subnet: 10.1.0.0/30, mtu: 1400, port: R2/b, label: 77}\n"
	"    gateway:\n"
	"      - name: gw\n"
	"        vrf: v1\n"
	"        port: pdc\n"
	"        subnet: 10.0.0.0/24\n"
	"        address: 10.0.0.254\n"
	"        mac: 02:00:00:00:00:bb\n"
	"        behind: [{prefix: 10.9.0.0/16, via: 10.0.0.8}]\n"
	"filter:\n"
	"  - name: web\n"
	"    condition:\n"
	"      - {destination: 10.0.0.0/24, source: 192.0.2.0/25, protocol: tcp, destination-port: 8000-8080}\n"
	"      - {protocol: 132, source-port: 80, dscp: 46, input-port: users}\n"
	"      - {dscp: 10-12}\n"
	"  - {name: empty}\n"
	"  - {name: all, condition: [{any: true}]}\n"
	"mux:\n"
	"  - name: M\n"
	"    node: R2\n"
	"    port: users\n"
	"    clients: [192.0.2.0/24, {prefix: 0.0.0.0/0, via: 192.0.2.7}]\n"
	"    subnet: 10.255.0.0/30\n"
	"    address: 192.0.2.200\n"
	"    mac: 02:00:00:00:00:cc\n"
	"    slice: [{name: P, filter: web}]\n";

static const char whole_xml[] =
	"<?xml version='1.0'?><data xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'>"
	"<x:domain xmlns:x='urn:xslice' xmlns='urn:xslice' xmlns:s='urn:xslice:segmentation'>"
	"<implementation>segmentation</implementation>"
	"<pool xmlns='urn:xslice:paging'>172.16.0.0/12</pool><p:pool xmlns:p='urn:xslice:paging'>fd00:7::/32</p:pool>"
	"<node><name>R1</name><address-blocks>4096</address-blocks>"
	"<port><name>pdc</name><interface>eth0</interface><mtu>9000</mtu><mode>generic</mode><attach>exclusive</attach>"
	"<stack>local</stack></port>"
	"<port><name>a</name><peer>R2/a</peer><s:reserved-label>1-9</s:reserved-label><s:reserved-label>4094</"
	"s:reserved-label></port>"
	"<port><name>b</name><peer>R2/b</peer></port></node>"
	"<s:switch><s:name>metro</s:name><s:carries>50-99</s:carries><s:carries>300</s:carries></s:switch>"
	"<node><port><name>users</name></port><name>R2</name>" /* a key may come later */
	"<port><name>a</name><peer>R1/a</peer></port><port><name>b</name><peer>R1/b</peer><s:switch>metro</s:switch></"
	"port></node>"
	"<slice><name>P</name><id>65535</id><implementation>segmentation</implementation><routing><protocol>static</"
	"protocol></routing><page xmlns='urn:xslice:paging'><prefix>10.0.0.0/8</prefix><mapped>11.0.0.0/8</mapped></page>"
	"<p:page xmlns:p='urn:xslice:paging'><p:prefix>192.0.2.0/24</p:prefix></p:page>"
	"<vrf><name>v1</name><node>R1</node><id>5</id><mac>02:00:00:00:00:AA</mac>"
	"<route><prefix>172.16.0.0/12</prefix><via>10.1.0.2</via></route>"
	"<route><prefix>192.168.7.7/32</prefix><via>10.0.0.9</via></route></vrf>"
	"<vrf><name>v2</name><node>R2</node></vrf>"
	"<link><name>l</name><ends>v2</ends><ends>v1</ends><subnet>10.1.1.0/31</subnet></link>"
	"<link><name>m</name><ends>v1</ends><ends>v2</ends><subnet>10.1.0.0/30</subnet><mtu>1400</mtu><port>R1/b</port>"
	"<s:label>77</s:label></link>"
	"<gateway><name>gw</name><vrf>v1</vrf><port>pdc</port><subnet>10.0.0.0/24</subnet><address>10.0.0.254</address>"
	"<mac>02:00:00:00:00:bb</mac><behind><prefix>10.9.0.0/16</prefix><via>10.0.0.8</via></behind></gateway></slice>"
	"<filter><name>web</name>"
	"<condition><destination>10.0.0.0/24</destination><source>192.0.2.0/25</source><protocol>6</protocol>"
	"<destination-port>8000-8080</destination-port></condition>"
	"<condition><protocol>sctp</protocol><source-port>80-80</source-port><dscp> 46 "
	"</dscp><input-port>users</input-port></condition>"
	"<condition><dscp><![CDATA[10-12]]></dscp></condition></filter>"
	"<filter><name>empty</name></filter><filter><name>all</name><condition><any>true</any></condition></filter>"
	"<mux><name>M</name><node>R2</node><port>users</port><clients><prefix>192.0.2.0/24</prefix></clients>"
	"<clients><prefix>0.0.0.0/0</prefix><via>192.0.2.7</via></clients><subnet>10.255.0.0/30</subnet>"
	"<address>192.0.2.200</address><mac>02:00:00:00:00:cc</mac><slice><name>P</name><filter>web</filter></slice></"
	"mux>"
	"</x:domain></data>";

static void test_every_element(void **state)
{
	struct xs_domain *yaml = model_parse(whole_yaml, XS_FORMAT_YAML), *xml = model_parse(whole_xml, XS_FORMAT_XML);
	const struct xs_d_link *link = &yaml->slice[0].link[1];

	assert_same(yaml, xml);
	assert_int_equal(yaml->node[0].blocks, 4096);
	assert_int_equal(yaml->node[0].port[1].reserved[0].last, 9);
	assert_int_equal(link->label, 77);
	assert_int_equal(yaml->pool_count, 2);
	assert_int_equal(yaml->slice[0].page[0].mapped.bytes[0], 11);
	assert_int_equal(yaml->slice[0].page[1].mapped.family, XS_FAMILY_NONE);
	assert_string_equal(link->port[0]->name, "b");
	assert_ptr_equal(link->port[0]->node, &yaml->node[0]);
	/* No cable named: the first. */
	assert_string_equal(yaml->slice[0].link[0].port[0]->name, "a");
	assert_int_equal(yaml->filter[0].condition[1].protocol, 132);
	assert_int_equal(yaml->filter[1].condition_count, 0);
	assert_int_equal(yaml->mux[0].client_count, 2);
	xs_domain_free(yaml);
	xs_domain_free(xml);
}

static void test_ways_of_writing(void **state)
{
	static const char *const same[] = {
		"node:\n  - {name: R1, port: [{name: p}]}\n  - {name: R2}\nmigration:\n",
		"domain:\n  node: [{name: R1, port: [p]}, R2]\n",
		"\xef\xbb\xbf---\nnode:\r\n  - name: \"R1\"\r\n    port: [{'name': p}]\r\n  - name: 'R2'\n...\n",
		"{\"xslice:domain\": {\"node\": [{\"name\": \"R1\", \"port\": [{\"name\": \"p\"}]}, {\"name\": "
		"\"R2\"}],"
		" \"mux\": null}}",
		"{\"xslice:node\": [{\"port\": [\"p\"], \"xslice:name\": \"R1\"}, \"R2\"]}",
		"{\n\t\"node\"\t:[\n\t{\"name\":\"R1\",\"port\":[{\"name\":\"\\u0070\"}]},\n\t{\"name\":\"R2\"}]}\n",
		" <domain "
		"xmlns='urn:xslice'><node><name>R1</name><port><name>p</name></port></node><node>R2</node></domain>",
	};
	struct xs_domain *first = model_parse(same[0], XS_FORMAT_GUESS);

	for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++) {
		struct xs_domain *other = model_parse(same[i], XS_FORMAT_GUESS);

		assert_same(first, other);
		xs_domain_free(other);
	}
	xs_domain_free(first);
}

/* Order is the definition's, whatever the keys and numbers say (R18). */
static void test_order_is_kept(void **state)
{
	struct xs_domain *d = model_parse(
		"filter:\n"
		"  - {name: z, condition: [{seq: 9, dscp: 1}, {seq: 2, dscp: 3}, {dscp: 4}, {seq: 1, dscp: 5}]}\n"
		"  - {name: a}\n",
		XS_FORMAT_YAML);

	assert_string_equal(d->filter[0].name, "z");
	assert_string_equal(d->filter[1].name, "a");
	assert_int_equal(d->filter[0].condition[0].dscp.first, 1);
	assert_int_equal(d->filter[0].condition[1].dscp.first, 3);
	assert_int_equal(d->filter[0].condition[2].dscp.first, 4);
	assert_int_equal(d->filter[0].condition[3].dscp.first, 5);
	xs_domain_free(d);
}

static void test_gateways_share_their_address(void **state)
{
	struct xs_domain *d =
		model_parse("node: [{name: R1, port: [a, b, c]}]\n"
			    "slice:\n"
			    "  - name: P\n"
			    "    vrf: [{name: v, node: R1}]\n"
			    "    gateway: [{name: g, vrf: v, port: a, subnet: 10.0.0.0/16}]\n"
			    "  - name: A\n"
			    "    vrf: [{name: v, node: R1}]\n"
			    "    gateway: [{name: g, vrf: v, port: b, subnet: 10.0.0.0/16, address: 10.0.9.9,\n"
			    "               mac: 02:00:00:00:00:01}]\n"
			    "  - name: B\n"
			    "    vrf: [{name: v, node: R1}]\n"
			    "    gateway: [{name: g, vrf: v, port: c, subnet: 10.0.0.0/17}]\n",
			    XS_FORMAT_YAML);
	char text[XS_PREFIX_TEXT];

	assert_string_equal(xs_address_text(&d->slice[0].gateway[0].address[XS_FAMILY4], text), "10.0.9.9");
	assert_string_equal(xs_mac_text(&d->slice[0].gateway[0].mac, text), "02:00:00:00:00:01");
	assert_int_equal(d->slice[0].gateway[0].address_place[XS_FAMILY4].line, 8);
	assert_int_equal(d->slice[2].gateway[0].address[XS_FAMILY4].family, XS_FAMILY_NONE);
	xs_domain_free(d);
}

static void test_tenants_may_use_the_same_addresses(void **state)
{
	char *yaml = NULL;
	size_t size;
	FILE *out = open_memstream(&yaml, &size);
	struct xs_domain *d;

	assert_non_null(out);
	fputs("node: [{name: R1, port: [g0, g1, g2, g3, u0, u1]}]\nslice:\n", out);
	for (int i = 0; i < 4; i++)
		fprintf(out,
			"  - {name: S%d, vrf: [{name: v, node: R1}], gateway: [{name: g, vrf: v, port: g%d, subnet: "
			"10.0.0.0/16}]}\n",
			i, i);
	fputs("filter: [{name: f, condition: [{destination: 10.0.0.5}]}]\nmux:\n", out);
	for (int i = 0; i < 2; i++)
		fprintf(out,
			"  - {name: m%d, node: R1, port: u%d, clients: [192.0.2.0/24], subnet: 10.255.0.0/29,\n"
			"     slice: [{name: S%d, filter: f}, {name: S%d, filter: f}]}\n",
			i, i, 2 * i, 2 * i + 1);
	fputs("migration:\n"
	      "  - {name: one, address: 10.0.0.5, mac: 52:54:00:00:00:01, from: S0, to: S1}\n"
	      "  - {name: two, address: 10.0.0.5, mac: 52:54:00:00:00:02, from: S2, to: S3}\n",
	      out);
	fclose(out);
	d = model_parse(yaml, XS_FORMAT_YAML);
	assert_int_equal(d->migration_count, 2);
	xs_domain_free(d);
	free(yaml);
}

/* The bounds of a MUX themselves are allowed; one more is in the corpus. */
static void test_bounds_are_allowed(void **state)
{
	char *yaml = NULL;
	size_t size;
	FILE *out = open_memstream(&yaml, &size);

	assert_non_null(out);
	fputs("node: [{name: R1, port: [u]}]\nslice: [{name: P, vrf: [{name: v, node: R1}]}]\nfilter:\n  - name: f\n   "
	      " condition:\n",
	      out);
	for (int i = 0; i < 64; i++)
		fprintf(out, "      - {source: 10.0.0.%d}\n      - {destination: 10.0.0.0/%d}\n", i, i < 32 ? 8 : 32);
	fputs("mux: [{name: m, node: R1, port: u, clients: [192.0.2.0/24], subnet: 10.255.0.0/30, slice: [{name: P, "
	      "filter: f}]}]\n",
	      out);
	fclose(out);
	xs_domain_free(model_parse(yaml, XS_FORMAT_YAML));
	free(yaml);
}

static void test_too_large(void **state)
{
	size_t size = (size_t)XS_DOCUMENT_MAX + 1;
	char *text = calloc(1, size), *faults;

	assert_non_null(text);
	faults = model_faults(text, size, XS_FORMAT_GUESS);
	assert_string_equal(faults, "x: error: the definition has 67108865 bytes: more than 67108864\n");
	free(faults);
	free(text);
}

static void test_no_file(void **state)
{
	struct xs_diag *diag = xs_diag_new("nowhere.yaml");
	struct xs_domain *domain = (struct xs_domain *)1;

	assert_int_equal(xs_domain_read("selftests/nowhere.yaml", XS_FORMAT_GUESS, diag, &domain), -ENOENT);
	assert_null(domain);
	assert_int_equal(xs_diag_errors(diag), 1);
	assert_int_equal(xs_domain_read("selftests", XS_FORMAT_GUESS, diag, &domain), -EISDIR);
	xs_diag_free(diag);
	xs_domain_free(NULL);
}

static void test_faults_are_sorted_and_clean(void **state)
{
	const struct xs_path root = { .name = "domain" }, node = { .above = &root, .name = "node" };
	const struct xs_place late = { 9, 1, NULL }, early = { 2, 7, NULL }, path = { 3, 0, &node };
	struct xs_diag *diag = xs_diag_new("f.yaml");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	xs_diag_note(diag, &late, "belongs to nothing");
	xs_diag_add(diag, XS_ERROR, &late, "late %d", 1);
	xs_diag_note(diag, &early, "other");
	xs_diag_add(diag, XS_WARNING, &early, "escape \x1b[31m and\nnewline");
	xs_diag_add(diag, XS_ERROR, &path, "with path");
	xs_diag_add(diag, XS_ERROR, NULL, "no place");
	xs_diag_add(diag, XS_ERROR, &late, "late 2");
	xs_diag_print(diag, out);
	fclose(out);
	assert_string_equal(text, "f.yaml: error: no place\n"
				  "f.yaml:2:7: warning: escape \\x1b[31m and\\x0anewline\n"
				  "f.yaml:3: error: /domain/node: with path\n"
				  "f.yaml:9:1: error: late 1\n"
				  "f.yaml:2:7: note: other\n"
				  "f.yaml:9:1: error: late 2\n");
	assert_int_equal(xs_diag_errors(diag), 4);
	assert_int_equal(xs_diag_warnings(diag), 1);
	json = xs_diag_json(diag);
	assert_int_equal(json_array_size(json), 5);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json, 2), "path")), "/domain/node");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json_array_get(json, 3), "note"), "column")), 7);
	assert_true(json_is_null(json_object_get(json_array_get(json, 0), "note")));
	json_decref(json);
	free(text);
	xs_diag_free(diag);
	xs_diag_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_forms_of_figure7),
		cmocka_unit_test(test_three_forms_of_two_families),
		cmocka_unit_test(test_the_documentation_is_true),
		cmocka_unit_test(test_figure7),
		cmocka_unit_test(test_every_element),
		cmocka_unit_test(test_ways_of_writing),
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_gateways_share_their_address),
		cmocka_unit_test(test_tenants_may_use_the_same_addresses),
		cmocka_unit_test(test_bounds_are_allowed),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_faults_are_sorted_and_clean),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
