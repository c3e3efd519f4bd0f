/*
 * shrink_json.h: definitions made smaller. A definition is text: anything that can be taken out of
 * it is tried, and the reader of definitions says what still is one. So this knows nothing of the
 * language but that steps are named by those behind them.
 */
#ifndef SIM_SHRINK_JSON_H
#define SIM_SHRINK_JSON_H

#include "base/buf.h"

enum { SIM_PIECES_MAX = 1024 };

/* A member or an element: with its name, without commas. */
struct sim_piece {
    size_t from, size;
    bool is_step;
};

/* Everything that may be taken out, biggest first, steps before all else. */
uint32_t sim_pieces(struct sk_str text, struct sim_piece pieces[SIM_PIECES_MAX]);
/* Appends the text without it (and, for a step, without its name in the others' dependencies). */
void sim_without_piece(struct sk_str text, const struct sim_piece *piece, struct sk_buf *out);

#endif
