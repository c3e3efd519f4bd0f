/* channels.h: the settings `channels.<type>` as the invoker of notifications takes them. */
#ifndef SK_SKALD_CHANNELS_H
#define SK_SKALD_CHANNELS_H

#include "dsl/dsl.h"
#include "skald/settings.h"

/* One entry of the map `channels`; its name is the type. */
struct sk_channel_settings {
    struct sk_setting_entry entry;
    const char *url, *method, *body;
    struct sk_setting_pairs headers;
    struct sk_setting_list command;
    int64_t timeout_ms;
};

/* Fills settings->node.channels; what is wrong becomes diagnostics. SKALD_E_MEMORY only. */
enum skald_status sk_channels_finish(struct sk_settings *settings,
                                     struct sk_diagnostics *diagnostics) SK_MUST_CHECK;

#endif
