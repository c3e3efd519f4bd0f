/* channel_body.c: the texts of a channel's configuration, filled in with one notification. No
 * value can break out of its place: in JSON it is escaped, in a URL percent-encoded, and what
 * stands in a value is never looked at for further places or secrets. */
#include "base/json.h"
#include "invoke/channel_parts.h"
#include "invoke/percent.h"

/* Without its quotes: inside of a string. */
static void append_inside(struct sk_buf *out, struct sk_str text)
{
    struct sk_buf quoted;
    sk_buf_init(&quoted, 0);
    sk_json_quote(&quoted, text);
    struct sk_str view = sk_buf_view(&quoted);
    if (quoted.failed)
        out->failed = true;
    else
        sk_buf_append_str(out, sk_str_sub(view, 1, view.size - 2));
    sk_buf_release(&quoted);
}

/* "message", "metadata.run"; a leading dot is fine. Missing: empty. */
static struct sk_str value_at(struct sk_str notification, struct sk_str path)
{
    struct sk_str value = notification;
    path = sk_str_trim(path);
    while (path.size > 0) {
        size_t dot = sk_str_find(path, '.');
        struct sk_str name = sk_str_sub(path, 0, dot);
        path = dot < path.size ? sk_str_sub(path, dot + 1, path.size - dot - 1) : SK_STR("");
        if (name.size > 0) value = sk_json_member(value, name);
        if (value.size == 0) break;
    }
    return value;
}

/* A string as it reads, anything else as JSON; null and missing as nothing. */
static void append_value(struct sk_buf *out, struct sk_str value, enum sk_filling filling)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    enum sk_json_type type = sk_json_type(value);
    if (type == SK_JSON_STRING)
        sk_json_unescape(value, &text);
    else if (type != SK_JSON_NULL && type != SK_JSON_NONE)
        sk_buf_append_str(&text, sk_json_trim(value));
    if (text.failed) out->failed = true;
    if (filling == SK_FILL_URL)
        sk_percent_append(out, sk_buf_view(&text));
    else
        append_inside(out, sk_buf_view(&text));
    sk_buf_release(&text);
}

/* The place of the first `end` in text at or after `from`, or its size. */
static size_t find_text(struct sk_str text, size_t from, const char *end)
{
    size_t size = strlen(end);
    for (size_t i = from; i + size <= text.size; i++)
        if (memcmp(text.data + i, end, size) == 0) return i;
    return text.size;
}

/* At "{{": the place behind "}}", or 0 when it never closes. */
static size_t fill_place(struct sk_str text, size_t at, struct sk_str notification,
                         enum sk_filling filling, struct sk_buf *out)
{
    size_t close = find_text(text, at + 2, "}}");
    if (close == text.size) return 0;
    struct sk_str value = value_at(notification, sk_str_sub(text, at + 2, close - at - 2));
    size_t behind = close + 2;
    bool is_whole = filling == SK_FILL_JSON && at > 0 && text.data[at - 1] == '"' &&
                    behind < text.size && text.data[behind] == '"' && out->size > 0;
    if (!is_whole) {
        append_value(out, value, filling);
        return behind;
    }
    out->size -= 1; /* its opening quote */
    sk_buf_append_str(out, value.size == 0 ? SK_STR("null") : sk_json_trim(value));
    return behind + 1;
}

static bool append_secret(const struct sk_channel_options *options, struct sk_str name,
                          struct sk_buf *out)
{
    struct sk_buf value;
    sk_buf_init(&value, 0);
    bool is_there =
        options->secret != NULL && options->secret(options->secret_context, name, &value);
    if (is_there) append_inside(out, sk_buf_view(&value));
    if (value.failed) out->failed = true;
    sk_buf_release(&value);
    return is_there;
}

bool sk_channel_fill(const struct sk_channel_options *options, struct sk_str text,
                     struct sk_str notification, enum sk_filling filling, struct sk_buf *out,
                     struct sk_str *out_name)
{
    static const char opening[] = "${secret:";
    const size_t opening_size = sizeof opening - 1;
    for (size_t i = 0; i < text.size;) {
        struct sk_str rest = sk_str_sub(text, i, text.size - i);
        if (sk_str_starts(rest, SK_STR("{{"))) {
            size_t behind = fill_place(text, i, notification, filling, out);
            if (behind > 0) {
                i = behind;
                continue;
            }
        }
        size_t close = sk_str_find(rest, '}');
        bool is_secret = filling == SK_FILL_JSON && close < rest.size &&
                         sk_str_starts(rest, (struct sk_str){ opening, opening_size });
        if (is_secret) {
            *out_name = sk_str_sub(rest, opening_size, close - opening_size);
            if (!append_secret(options, *out_name, out)) return false;
            i += close + 1;
            continue;
        }
        sk_buf_append_char(out, text.data[i++]);
    }
    return true;
}
