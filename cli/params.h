/* SPDX-License-Identifier: GPL-2.0-or-later */
/* params.h - what `xslice params` counts in an image. */
#ifndef XSLICE_CLI_PARAMS_H
#define XSLICE_CLI_PARAMS_H

#include "loader/image/image.h"
#include "loader/model/parameters.h"

/* Adds to `count` what the image contains, by component. */
void xs_params_image(const struct xs_image *image, unsigned int count[XS_COMPONENTS]);

#endif
