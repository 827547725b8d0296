/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cells.h - switch cells between store, image and map. The higher generation wins, in both directions.
 *
 * Always holds: a switch is one store of one word; a cell of the map that another definition left (its name in the former
 * image is another, or there is no former image) counts for nothing.
 */
#ifndef XSLICE_AGENT_CELLS_H
#define XSLICE_AGENT_CELLS_H

#include <stdint.h>

#include "loader/image/image.h"
#include "loader/store/store.h"
#include "maps/node_maps.h"

/*
 * The fast path: puts the cells of `image` that are newer in the store into the map. generation: every cell of the store up
 * to it is in the map then; *changed counts the words. 0 or negative errno.
 */
int xs_cells_pull(struct xs_store *store, struct xs_node_maps *maps, const struct xs_image *image, uint64_t *generation,
		  unsigned int *changed);

/*
 * Makes all cells of `image` what store, image and map say, `former` being the image that the map was filled from (NULL: the
 * map holds nothing that counts). Cells that are newer in the map than in the store are written to the store; where its lock
 * cannot be had soon that is left for the next time. generation as above.
 */
int xs_cells_settle(struct xs_store *store, struct xs_node_maps *maps, const struct xs_image *image,
		    const struct xs_image *former, uint64_t *generation);

/* Zeroes the cells that `image` (NULL: none) does not have. */
int xs_cells_withdraw(struct xs_node_maps *maps, const struct xs_image *image);

#endif
