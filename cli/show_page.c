// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * show_page.c - `xslice show page ADDRESS`: a WAN address in the slice's words, as the store's images tell: whose it
 * is, the page, the address that users know, and the node where it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/way.h"
#include "loader/manager/manager.h"

struct found {
	const struct xs_image *image;   /* that knows the page */
	const struct xs_rec_page *page; /* the whole of it */
	const char *node;               /* where the address is; NULL: on none */
	const char *vrf;                /* its sliver there; NULL: the node's own instance has it */
};

/* The whole page, and where the smallest part of it that has the address is. Pages do not overlap but for parts of one. */
static bool find(const struct xs_images *images, const struct xs_address *address, struct found *out)
{
	const struct xs_rec_page *page, *part = NULL;

	*out = (struct found){ 0 };
	for (size_t i = 0; i < images->count; i++) {
		const struct xs_image *image = images->image[i];

		for (size_t k = 0; (page = xs_image_at(image, XS_REC_PAGE, k)); k++) {
			if (!xs_prefix_contains(&page->mapped, address))
				continue;
			if (!out->page || page->mapped.length < out->page->mapped.length) {
				out->image = image;
				out->page = page;
			}
			if (page->uplink && (!part || page->mapped.length > part->mapped.length)) {
				part = page;
				out->node = image->header->node;
				out->vrf =
					((const struct xs_rec_slice *)xs_image_find(image, XS_REC_SLICE, &page->slice))
						->vrf;
			}
		}
	}
	return out->page;
}

/* The node whose own instance has the address; NULL: none. */
static const char *holder(const struct xs_images *images, const struct xs_address *address)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .prefix = xs_prefix_of_host(address) };

	for (size_t i = 0; i < images->count; i++)
		if (xs_image_find(images->image[i], XS_REC_ADDRESS, &key))
			return images->image[i]->header->node;
	return NULL;
}

static json_t *found_json(const struct found *found, const struct xs_address *address)
{
	const struct xs_rec_slice *slice = xs_image_find(found->image, XS_REC_SLICE, &found->page->slice);
	struct xs_prefix host = xs_prefix_of_host(address);
	char wan[XS_PREFIX_TEXT], virtual[XS_PREFIX_TEXT], prefix[XS_PREFIX_TEXT], mapped[XS_PREFIX_TEXT];
	struct xs_address own = { .family = address->family };

	host = xs_prefix_shift(&host, &found->page->mapped, &found->page->prefix);
	memcpy(own.bytes, host.bytes, sizeof(own.bytes));
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?,s:s?}", "address", xs_address_text(address, wan), "slice",
			 slice->name, "page", xs_prefix_text(&found->page->prefix, prefix), "mapped",
			 xs_prefix_text(&found->page->mapped, mapped), "virtual", xs_address_text(&own, virtual),
			 "node", found->node, "vrf", found->vrf);
}

static const char *member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print(const json_t *result)
{
	const char *node = member(result, "node"), *vrf = member(result, "vrf");

	printf("%s\n  slice %s, page %s, mapped to %s\n  there it is %s", member(result, "address"),
	       member(result, "slice"), member(result, "page"), member(result, "mapped"), member(result, "virtual"));
	if (!node)
		printf(", and on no node\n");
	else if (vrf)
		printf(", on %s, VRF %s\n", node, vrf);
	else
		printf(", of %s itself\n", node);
}

int xs_show_page(const struct xs_options *options, struct xs_store *store)
{
	struct xs_images images = { 0 };
	char error[XS_ERROR_TEXT];
	struct xs_address address;
	struct found found;
	int code = XS_EXIT_FAILED;

	if (strcmp(options->argv[0], "page") || xs_address_parse(options->argv[1], &address)) {
		xs_complain("show: '%s %s' is not 'page ADDRESS'", options->argv[0], options->argv[1]);
		return XS_EXIT_USAGE;
	}
	if (xs_images_load(store, &images, error)) {
		xs_complain("show: store %s: %s", options->store, error);
	} else if (!find(&images, &address, &found)) {
		xs_complain("show: %s is in no page", options->argv[1]);
	} else {
		const char *own = holder(&images, &address);

		if (own) {
			found.node = own;
			found.vrf = NULL;
		}
		xs_print_result(options, found_json(&found, &address), print);
		code = images.missing ? XS_EXIT_PARTLY : XS_EXIT_DONE;
	}
	xs_images_free(&images);
	return code;
}
