/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xml_scan.h - a scan of XML's tags, before libyang reads the text: where each element begins, which libyang does not
 * tell, and faults of nesting, of which libyang tells less. Only read_xml.c calls it.
 */
#ifndef XSLICE_MODEL_XML_SCAN_H
#define XSLICE_MODEL_XML_SCAN_H

#include <stddef.h>

#include "loader/base/diag.h"

struct xs_xml_tags {
	struct xs_place *place; /* of the n-th start tag; malloc()ed */
	size_t count, room;
};

/*
 * 0, -ENOMEM, or -EINVAL with a fault reported: nested too deep, a document type, a tag, comment or section that does
 * not end, an end that is not the innermost element's. What else is not well-formed is left to libyang.
 */
int xs_xml_scan(const char *text, size_t size, struct xs_diag *diag, struct xs_xml_tags *tags);

#endif
