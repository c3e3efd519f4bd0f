/*
 * json.h: JSON as text. A span is a piece of validated RFC 8259 text; nothing here builds a tree or
 * keeps numbers. Validation is strict: UTF-8, no lone surrogate escapes, no trailing bytes, nesting
 * bounded by SK_JSON_DEPTH_MAX, duplicate members allowed (the last one wins, as jansson).
 * The functions that navigate REQUIRE text that sk_json_check has accepted.
 */
#ifndef SK_BASE_JSON_H
#define SK_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

struct sk_mask;

enum sk_json_type {
    SK_JSON_NONE, /* empty span: missing */
    SK_JSON_NULL,
    SK_JSON_FALSE,
    SK_JSON_TRUE,
    SK_JSON_NUMBER,
    SK_JSON_STRING,
    SK_JSON_ARRAY,
    SK_JSON_OBJECT
};

/* OK, or SKALD_E_SYNTAX with "line 3, column 7: …" in the error. */
enum skald_status sk_json_check(struct sk_str text, skald_error *error) SK_MUST_CHECK;

/* Type by the first non-blank byte. */
enum sk_json_type sk_json_type(struct sk_str span);
/* The value without blanks around. */
struct sk_str sk_json_trim(struct sk_str span);
/* Member of an object by (unescaped) name; element of an array; {NULL,0} when missing. */
struct sk_str sk_json_member(struct sk_str object, struct sk_str name);
struct sk_str sk_json_element(struct sk_str array, size_t index);
size_t sk_json_count(struct sk_str container); /* elements or members; 0 for a scalar */
size_t sk_json_depth(struct sk_str span);      /* containers in containers; 0 for a scalar */
/* What is composed of checked pieces may be deeper than SK_JSON_DEPTH_MAX: nobody reads it back. */
bool sk_json_is_too_deep(struct sk_str span);

/* Walks an array or an object: `while (sk_json_next(&it)) … it.name, it.value`. */
struct sk_json_iter {
    struct sk_str rest;
    struct sk_str name; /* raw, between the quotes; empty in an array */
    struct sk_str value;
    size_t index;
    bool is_object, started;
};
struct sk_json_iter sk_json_walk(struct sk_str container);
bool sk_json_next(struct sk_json_iter *it);

/* Appends the unescaped text of a string span (with its quotes). */
void sk_json_unescape(struct sk_str string_span, struct sk_buf *out);
/* The same into an arena; for a string without escapes a view without copying. */
struct sk_str sk_json_string(struct sk_str string_span, struct sk_arena *arena);
/* Does the string span mean this text? Without copying. */
bool sk_json_string_is(struct sk_str string_span, struct sk_str text);
/* Numbers: exact integer if it is one and fits; otherwise false. Double: always for a number
 * span. */
bool sk_json_to_i64(struct sk_str span, int64_t *out_value);
bool sk_json_to_double(struct sk_str span, double *out_value);
/* -1, 0, 1 for two number spans: exactly when both are integers of int64, else as doubles. */
int sk_json_number_compare(struct sk_str a, struct sk_str b);
/* Same value? Objects in any member order; numbers by value; used by == in expressions. */
bool sk_json_equal(struct sk_str a, struct sk_str b);
/* Appends in canonical form: members sorted by bytes (last duplicate wins), no blanks, minimal
 * string escapes, numbers as written. For digests. */
void sk_json_canonical(struct sk_str span, struct sk_buf *out);
/* The same of an object, without its member of this name. */
void sk_json_canonical_without(struct sk_str object, const char *name, struct sk_buf *out);

/* Writer. Commas and colons are placed by the writer; that keys, values and ends match is
 * the caller's.
 *     sk_json_begin_object(&w);
 *     sk_json_key(&w, "id");
 *     sk_json_put_str(&w, id);
 *     sk_json_end_object(&w); */
struct sk_json_writer {
    struct sk_buf *out;
    bool need_comma;
    const struct sk_mask *mask; /* of sk_json_put_raw; NULL = none */
};
struct sk_json_writer sk_json_writer_of(struct sk_buf *out);
void sk_json_begin_object(struct sk_json_writer *w);
void sk_json_end_object(struct sk_json_writer *w);
void sk_json_begin_array(struct sk_json_writer *w);
void sk_json_end_array(struct sk_json_writer *w);
/* A name of ours: nothing in it needs an escape. */
void sk_json_key(struct sk_json_writer *w, const char *name);
void sk_json_key_str(struct sk_json_writer *w, struct sk_str name);
void sk_json_put_str(struct sk_json_writer *w, struct sk_str text); /* bad UTF-8 becomes U+FFFD */
void sk_json_put_text(struct sk_json_writer *w, const char *text);
void sk_json_put_i64(struct sk_json_writer *w, int64_t value);
void sk_json_put_u64(struct sk_json_writer *w, uint64_t value);
void sk_json_put_double(struct sk_json_writer *w, double value); /* shortest that reads back */
void sk_json_put_bool(struct sk_json_writer *w, bool value);
void sk_json_put_null(struct sk_json_writer *w);
/* Validated text; empty = null. With w->mask: masked (mask.h), for these are the payloads. */
void sk_json_put_raw(struct sk_json_writer *w, struct sk_str span);
/* Appends `text` as a JSON string with quotes. */
void sk_json_quote(struct sk_buf *out, struct sk_str text);

#endif
