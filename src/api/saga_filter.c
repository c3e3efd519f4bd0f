/* saga_filter.c: see saga_filter.h. */
#include "api/saga_filter.h"

#include "core/state_words.h"

#include <stdio.h>

/* One word of the list as bits; 0 = none is called so. */
typedef uint32_t word_bits(struct sk_str word);

static uint32_t reason_bits(struct sk_str word)
{
    for (int i = SK_REASON_STEP; i < SK_REASONS_COUNT; i++) {
        if (sk_str_is(word, sk_reason_name((enum sk_reason)i))) return UINT32_C(1) << i;
    }
    return 0;
}

/* Of `count` names from `first` on: "did you mean 'failed'?" or "one of: pending, …" */
static void refuse_word(struct sk_exchange *x, const char *what, struct sk_str word,
                        const char *const *names, size_t count)
{
    char remedy[240];
    int near = sk_str_nearest(word, names, count);
    if (near >= 0) {
        (void)snprintf(remedy, sizeof remedy, "did you mean '%s'?", names[near]);
    } else {
        int size = snprintf(remedy, sizeof remedy, "one of: ");
        for (size_t i = 0; i < count && size > 0 && (size_t)size < sizeof remedy; i++) {
            size += snprintf(remedy + size, sizeof remedy - (size_t)size, "%s%s",
                             i == 0 ? "" : ", ", names[i]);
        }
    }
    word.size = word.size > 100 ? 100 : word.size;
    sk_exchange_refuse(x, remedy, "there is no %s '%.*s'", what, SK_STR_ARGS(word));
}

/* false: this word is unknown. */
static bool read_words(struct sk_str text, word_bits *bits_of, uint32_t *out_bits,
                       struct sk_str *out_unknown)
{
    while (text.size > 0) {
        size_t end = sk_str_find(text, ',');
        struct sk_str word = sk_str_trim(sk_str_sub(text, 0, end));
        text = sk_str_sub(text, end + 1, text.size);
        uint32_t bits = bits_of(word);
        *out_bits |= bits;
        *out_unknown = word;
        if (bits == 0) return false;
    }
    return true;
}

static bool read_states(struct sk_exchange *x, struct sk_str text, uint32_t *out_bits)
{
    struct sk_str unknown = { 0 };
    if (read_words(text, sk_state_word_find, out_bits, &unknown)) return true;
    const char *names[SK_SAGA_STATES_COUNT];
    size_t count = 0;
    for (int i = SK_SAGA_PENDING; i < SK_SAGA_STATES_COUNT; i++) {
        names[count++] = sk_saga_state_name((enum sk_saga_state)i);
    }
    refuse_word(x, "state", unknown, names, count);
    return false;
}

static bool read_reasons(struct sk_exchange *x, struct sk_str text, uint32_t *out_bits)
{
    struct sk_str unknown = { 0 };
    if (read_words(text, reason_bits, out_bits, &unknown)) return true;
    const char *names[SK_REASONS_COUNT];
    size_t count = 0;
    for (int i = SK_REASON_STEP; i < SK_REASONS_COUNT; i++) {
        names[count++] = sk_reason_name((enum sk_reason)i);
    }
    refuse_word(x, "reason", unknown, names, count);
    return false;
}

static bool read_tags(struct sk_exchange *x, const struct sk_saga_filter *from,
                      struct sk_list_filter *filter)
{
    uint32_t count = from->tags.count + from->attributes.count;
    if (count > SK_LIST_TAGS_MAX) {
        sk_exchange_refuse(x, "ask by fewer and look at the others in the answer",
                           "%u tags and attributes; %d at most", (unsigned)count, SK_LIST_TAGS_MAX);
        return false;
    }
    struct sk_list_tag *tags = SK_ARENA_ARRAY(&x->arena, struct sk_list_tag, count + 1);
    if (tags == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return false;
    }
    for (uint32_t i = 0; i < from->tags.count; i++) {
        tags[filter->tags_count++] = (struct sk_list_tag){ SK_STR("tag"), from->tags.items[i] };
    }
    for (uint32_t i = 0; i < from->attributes.count; i++) {
        struct sk_str text = from->attributes.items[i];
        size_t colon = sk_str_find(text, ':');
        if (colon == 0 || colon == text.size) {
            sk_exchange_refuse(x, "write it as name:value", "attribute has no name or no value");
            return false;
        }
        tags[filter->tags_count++] = (struct sk_list_tag){ sk_str_sub(text, 0, colon),
                                                           sk_str_sub(text, colon + 1, text.size) };
    }
    filter->tags = tags;
    return true;
}

bool sk_saga_filter_read(struct sk_exchange *x, const struct sk_saga_filter *from,
                         struct sk_list_filter *out_filter)
{
    *out_filter = (struct sk_list_filter){ .space = from->space,
                                           .business_key = from->business_key,
                                           .parent = from->parent,
                                           .definition_id = from->definition,
                                           .definition_version = from->version,
                                           .created_from_ms = from->created_from_ms,
                                           .created_to_ms = from->created_to_ms,
                                           .updated_from_ms = from->updated_from_ms,
                                           .updated_to_ms = from->updated_to_ms,
                                           .ended_from_ms = from->ended_from_ms,
                                           .ended_to_ms = from->ended_to_ms,
                                           .only_residue = from->only_residue };
    if (from->version.size > 0 && from->definition.size == 0) {
        sk_exchange_refuse(x, "name the definition too", "version stands without a definition");
        return false;
    }
    return read_states(x, from->states, &out_filter->states) &&
           read_reasons(x, from->reasons, &out_filter->reasons) && read_tags(x, from, out_filter);
}
