/* bulk_private.h: a batch in memory; shared by bulk.c and bulk_record.c. */
#ifndef SK_ENGINE_BULK_PRIVATE_H
#define SK_ENGINE_BULK_PRIVATE_H

#include "engine/bulk.h"
#include "engine/engine_private.h"

struct sk_bulk {
    struct sk_owned owned;
    struct sk_list node; /* engine->bulks, newest first */
    struct sk_engine *engine;
    struct sk_shard *shard;
    struct sk_arena arena; /* of the request */
    struct sk_bulk_request request;
    struct sk_digest digest;
    struct sk_bulk_view figures; /* its texts are the request's; last_error: error_text */
    char error_text[160];
    int64_t cursor_ms;
    struct sk_buf cursor_id;
    struct sk_alarm alarm; /* the next page, or telling again */
    struct sk_rows page;   /* being told */
    uint32_t next, told;   /* of the page's rows */
    uint32_t tries;        /* of row `next` */
    bool has_page, is_telling, is_last, is_gone;
    bool is_known, is_end_known; /* durably: before, nobody is told of it (law 2) */
    uint32_t calls;              /* not come back yet */
};

/* What is stored: the request, then how far it is. */
void sk_bulk_put_request(struct sk_buf *out, const struct sk_bulk_request *request);
/* The texts are the reader's; tags go into the arena. False: damaged, or no memory. */
bool sk_bulk_get_request(struct sk_reader *reader, struct sk_arena *arena,
                         struct sk_bulk_request *request);
void sk_bulk_put_figures(struct sk_buf *out, const struct sk_bulk *bulk);
bool sk_bulk_get_figures(struct sk_reader *reader, struct sk_bulk *bulk);
bool sk_bulk_digest_of(const struct sk_bulk_request *request, struct sk_digest *out_digest);
/* The request's texts into the batch's arena, and its digest. */
bool sk_bulk_copy_request(struct sk_bulk *bulk, const struct sk_bulk_request *request);
void sk_bulk_write(struct sk_bulk *bulk, sk_record_done *done, void *context);
/* What may be shown of it. */
void sk_bulk_view_of(const struct sk_bulk *bulk, struct sk_bulk_view *out);
void sk_bulk_set_text(char *to, size_t size, struct sk_str text);

#endif
