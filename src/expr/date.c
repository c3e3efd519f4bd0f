/*
 * date.c: an instant by a layout. Always UTC, no names of months or days, so no locale.
 *
 * The fields are cut from the one text form of an instant, "2026-01-02T03:04:05.678Z".
 */
#include "base/time.h"
#include "expr/expr_private.h"

struct field {
    const char *go;  /* as in the reference time of Go's layouts */
    char letter;     /* as in strftime */
    size_t at, size; /* in the text form */
};

static const struct field fields[] = {
    { "2006", 'Y', 0, 4 }, { "01", 'm', 5, 2 },  { "02", 'd', 8, 2 },    { "15", 'H', 11, 2 },
    { "04", 'M', 14, 2 },  { "05", 'S', 17, 2 }, { "000", '\0', 20, 3 }, { "Z07:00", '\0', 23, 1 },
};
enum { FIELDS_COUNT = sizeof fields / sizeof fields[0] };

static const struct field *field_of_letter(char letter)
{
    for (size_t i = 0; i < FIELDS_COUNT; i++) {
        if (letter != '\0' && fields[i].letter == letter) {
            return &fields[i];
        }
    }
    return NULL;
}

static const struct field *field_at(struct sk_str layout)
{
    for (size_t i = 0; i < FIELDS_COUNT; i++) {
        if (sk_str_starts(layout, sk_str_of(fields[i].go))) {
            return &fields[i];
        }
    }
    return NULL;
}

static bool is_strftime(struct sk_str layout)
{
    return sk_str_find(layout, '%') < layout.size;
}

char sk_date_unknown_letter(struct sk_str layout)
{
    for (size_t i = 0; i < layout.size; i++) {
        if (layout.data[i] != '%') {
            continue;
        }
        i += 1;
        char letter = (char)(i < layout.size ? layout.data[i] : ' ');
        if (letter != '%' && field_of_letter(letter) == NULL) {
            return letter;
        }
    }
    return '\0';
}

static bool instant_of(struct sk_value value, int64_t *out_at_ms)
{
    char whole[] = "0000-00-00T00:00:00Z";
    if (value.type == SK_JSON_NUMBER) {
        return sk_json_to_i64(value.text, out_at_ms);
    }
    if (value.type != SK_JSON_STRING) {
        return false;
    }
    if (value.text.size == 10) { /* a date alone: its midnight */
        memcpy(whole, value.text.data, 10);
        return sk_time_parse(sk_str_of(whole), out_at_ms);
    }
    return sk_time_parse(value.text, out_at_ms);
}

static void append_field(struct sk_buf *out, const struct field *field, const char *instant)
{
    sk_buf_append(out, instant + field->at, field->size);
}

static void append_strftime(struct sk_buf *out, struct sk_str layout, const char *instant)
{
    for (size_t i = 0; i < layout.size; i++) {
        bool is_escape = layout.data[i] == '%' && i + 1 < layout.size;
        i += is_escape ? 1 : 0;
        const struct field *field = is_escape ? field_of_letter(layout.data[i]) : NULL;
        if (field != NULL) {
            append_field(out, field, instant);
        } else {
            sk_buf_append_char(out, layout.data[i]);
        }
    }
}

static void append_go(struct sk_buf *out, struct sk_str layout, const char *instant)
{
    while (layout.size > 0) {
        const struct field *field = field_at(layout);
        if (field != NULL) {
            append_field(out, field, instant);
        } else {
            sk_buf_append_char(out, layout.data[0]);
        }
        layout = sk_str_sub(layout, field != NULL ? strlen(field->go) : 1, layout.size);
    }
}

struct sk_value sk_date_format(struct sk_value instant, struct sk_str layout,
                               struct sk_arena *scratch)
{
    char text[SK_TIME_TEXT_SIZE];
    int64_t at_ms = 0;
    if (!instant_of(instant, &at_ms)) {
        return sk_value_null();
    }
    sk_time_format(at_ms, text);
    struct sk_buf out;
    sk_buf_init(&out, 0);
    if (is_strftime(layout)) {
        append_strftime(&out, layout, text);
    } else {
        append_go(&out, layout, text);
    }
    struct sk_str result = sk_arena_copy(scratch, sk_buf_view(&out));
    scratch->failed = scratch->failed || out.failed;
    sk_buf_release(&out);
    return sk_value_string(result);
}
