/*
 * http_pool.c: who may send now. Per host at most connections_per_host exchanges fly, over all
 * hosts connections_max; the others stand in their host's line. The handles that carried one are
 * kept for the next, because making a handle costs more than an exchange.
 *
 *   P1  A host is in idle_hosts exactly when nothing flies to it and nothing waits for it; only
 *       such a host may be forgotten.
 *   P2  flying_count + easies_count ≤ connections_per_host: there are no handles beyond it.
 *   P3  The pool's flying_count is the sum of its hosts' and ≤ connections_max.
 *   P4  A host is in held_hosts only while it has a line and may send more itself: the pool was
 *       full. Whatever ends an exchange serves them, one exchange each in turns, so that a host
 *       that keeps sending holds up no other. While there are such hosts the pool is full.
 *   P5  Idle wires and what flies are ≤ connections_max together when a connection is opened: the
 *       oldest idle wires make room. libcurl keeps as many at most, on its own.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"

void sk_http_pool_init(struct sk_http_pool *pool)
{
    *pool = (struct sk_http_pool){ 0 };
    sk_list_init(&pool->idle_hosts);
    sk_list_init(&pool->held_hosts);
    sk_list_init(&pool->idle_wires);
    sk_list_init(&pool->over_wires);
}

static void forget_host(struct sk_http_pool *pool, struct sk_http_host *host)
{
    SK_ASSERT(host->flying_count == 0 && sk_list_is_empty(&host->waiting));
    SK_ASSERT(sk_list_is_empty(&host->late) && sk_list_is_empty(&host->held_link));
    HASH_DEL(pool->hosts, host);
    sk_list_remove(&host->idle_link);
    sk_http_wires_close(host);
    for (uint32_t i = 0; i < host->easies_count; i++) curl_easy_cleanup(host->easies[i]);
    sk_free(host->easies);
    sk_free(host);
    pool->hosts_count -= 1;
}

void sk_http_pool_release(struct sk_http_pool *pool)
{
    if (pool->idle_hosts.next == NULL) return;
    while (!sk_list_is_empty(&pool->idle_hosts)) {
        forget_host(pool, sk_container_of(pool->idle_hosts.next, struct sk_http_host, idle_link));
    }
    sk_http_wires_reap(pool);
    SK_ASSERT(pool->hosts_count == 0 && pool->flying_count == 0);
}

static struct sk_http_host *add_host(struct sk_http_invoker *invoker, struct sk_str key,
                                     const struct sk_service_options *profile)
{
    struct sk_http_pool *pool = &invoker->pool;
    if (pool->hosts_count >= SK_HTTP_HOSTS_MAX && !sk_list_is_empty(&pool->idle_hosts)) {
        forget_host(pool, sk_container_of(pool->idle_hosts.next, struct sk_http_host, idle_link));
    }
    struct sk_http_host *host = sk_alloc(sizeof *host + key.size);
    if (host == NULL) return NULL;
    host->easies = sk_alloc(invoker->options.connections_per_host * sizeof(CURL *));
    if (host->easies == NULL) {
        sk_free(host);
        return NULL;
    }
    sk_list_init(&host->held_link);
    sk_list_init(&host->waiting);
    sk_list_init(&host->late);
    sk_list_init(&host->wires);
    host->profile = profile;
    host->is_plain = sk_http_is_plain(invoker, key, profile);
    host->key_size = key.size;
    memcpy(host->key, key.data, key.size);
    if (host->is_plain) sk_http_read_address(host);
    HASH_ADD(hh, pool->hosts, key, key.size, host);
    if (host->hh.tbl == NULL) {
        sk_free(host->easies);
        sk_free(host);
        return NULL;
    }
    sk_list_push(&pool->idle_hosts, &host->idle_link);
    pool->hosts_count += 1;
    return host;
}

/* "https://api:8443", and behind a line break the service that has settings of its own. */
static struct sk_str key_of(struct sk_http_transfer *transfer,
                            const struct sk_service_options *profile)
{
    struct sk_str authority = sk_str_sub(transfer->url, 0, transfer->authority_size);
    struct sk_str name = profile == NULL ? SK_STR("") : sk_str_of(profile->name);
    char *key = sk_arena_alloc(&transfer->arena, authority.size + 1 + name.size);
    if (key == NULL) return (struct sk_str){ 0 };
    for (size_t i = 0; i < authority.size; i++) {
        char c = authority.data[i];
        key[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (name.size == 0) return (struct sk_str){ key, authority.size };
    key[authority.size] = '\n';
    memcpy(key + authority.size + 1, name.data, name.size);
    return (struct sk_str){ key, authority.size + 1 + name.size };
}

enum skald_status sk_http_pool_enter(struct sk_http_invoker *invoker,
                                     struct sk_http_transfer *transfer)
{
    const struct sk_service_options *profile = sk_http_profile_of(transfer->service);
    struct sk_str key = key_of(transfer, profile);
    if (key.data == NULL) return SKALD_E_MEMORY;
    struct sk_http_host *host = NULL;
    HASH_FIND(hh, invoker->pool.hosts, key.data, key.size, host);
    if (host == NULL) host = add_host(invoker, key, profile);
    if (host == NULL) return SKALD_E_MEMORY;
    sk_list_remove(&host->idle_link);
    sk_list_push(&host->waiting, &transfer->link);
    transfer->host = host;
    transfer->place = SK_HTTP_WAITING;
    return SKALD_OK;
}

static void take_off(struct sk_http_pool *pool, struct sk_http_transfer *transfer)
{
    sk_list_remove(&transfer->link);
    transfer->place = SK_HTTP_FLYING;
    transfer->host->flying_count += 1;
    pool->flying_count += 1;
}

static void touch_down(struct sk_http_pool *pool, struct sk_http_transfer *transfer)
{
    transfer->host->flying_count -= 1;
    pool->flying_count -= 1;
}

bool sk_http_pool_launch_easy(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    struct sk_http_host *host = transfer->host;
    sk_http_wires_make_room(invoker);
    CURL *easy = host->easies_count > 0 ? host->easies[--host->easies_count]
                                        : sk_http_easy_new(invoker, host->profile);
    if (easy == NULL) return false;
    transfer->easy = easy;
    if (sk_http_easy_load(transfer) && curl_multi_add_handle(invoker->multi, easy) == CURLM_OK) {
        return true;
    }
    transfer->easy = NULL;
    curl_easy_cleanup(easy);
    return false;
}

/* The first in line, or NULL. One that has stood there for half of its time is not sent any more:
 * with the rest of it its answer would likely be lost. Its time-out ends it as never sent, which is
 * known not to have happened. */
static struct sk_http_transfer *first_in_time(struct sk_http_invoker *invoker,
                                              struct sk_http_host *host)
{
    struct sk_runtime *runtime = invoker->options.runtime;
    while (!sk_list_is_empty(&host->waiting)) {
        struct sk_http_transfer *transfer =
            sk_container_of(host->waiting.next, struct sk_http_transfer, link);
        if (runtime->ops->monotonic_us(runtime) <= transfer->launch_until_us) return transfer;
        sk_list_remove(&transfer->link);
        sk_list_push(&host->late, &transfer->link);
    }
    return NULL;
}

/* False: there is none, or no way to send it; it stays where it is. */
static bool send_first(struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    struct sk_http_transfer *transfer = first_in_time(invoker, host);
    if (transfer == NULL) return false;
    take_off(&invoker->pool, transfer);
    if (host->is_plain && sk_http_wire_launch(invoker, transfer)) return true;
    if (sk_http_pool_launch_easy(invoker, transfer)) return true;
    touch_down(&invoker->pool, transfer);
    sk_list_push_front(&host->waiting, &transfer->link);
    transfer->place = SK_HTTP_WAITING;
    return false;
}

static bool is_full(const struct sk_http_invoker *invoker)
{
    return invoker->pool.flying_count >= invoker->options.connections_max;
}

/* It has a line, and its own bound is not what it waits for. */
static bool wants_to_send(const struct sk_http_invoker *invoker, const struct sk_http_host *host)
{
    return !sk_list_is_empty(&host->waiting) &&
           host->flying_count < invoker->options.connections_per_host;
}

/* P4 */
static void serve_held(struct sk_http_invoker *invoker)
{
    struct sk_list *held = &invoker->pool.held_hosts;
    while (!sk_list_is_empty(held) && !is_full(invoker)) {
        struct sk_http_host *host = sk_container_of(held->next, struct sk_http_host, held_link);
        sk_list_remove(&host->held_link);
        if (!send_first(invoker, host)) continue;
        if (wants_to_send(invoker, host)) sk_list_push(held, &host->held_link);
    }
}

/* What cannot be sent for want of memory waits in line: the next end of an exchange with its host
 * tries again, and the time-out ends it as never sent. */
void sk_http_pool_launch(struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    struct sk_list *held = &invoker->pool.held_hosts;
    bool is_alone = sk_list_is_empty(held); /* else the others come first */
    while (is_alone && wants_to_send(invoker, host) && !is_full(invoker)) {
        if (!send_first(invoker, host)) return;
    }
    if (wants_to_send(invoker, host) && sk_list_is_empty(&host->held_link)) {
        sk_list_push(held, &host->held_link);
    }
    if (!is_alone) serve_held(invoker);
}

/* Where libcurl keeps headers, before 8.1.1, a handle that is used again has the last header of its
 * last answer still in mind, freed; an answer whose first header is folded is added to it. */
static bool may_use_again(void)
{
    unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
    return version < 0x075300 || version >= 0x080101;
}

/* A wire that is still the transfer's is in the middle of an exchange: nobody can use it again. */
static void land(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    struct sk_http_host *host = transfer->host;
    if (transfer->wire != NULL) sk_http_wire_close(transfer->wire);
    if (transfer->easy == NULL) return;
    (void)curl_multi_remove_handle(invoker->multi, transfer->easy);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, NULL); /* the transfer's */
    if (host->is_plain || !may_use_again()) { /* few are needed by hosts of wires */
        curl_easy_cleanup(transfer->easy);
    } else {
        SK_ASSERT(host->easies_count < invoker->options.connections_per_host);
        host->easies[host->easies_count++] = transfer->easy;
    }
    transfer->easy = NULL;
}

void sk_http_pool_leave(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    struct sk_http_host *host = transfer->host;
    if (host == NULL) return;
    if (transfer->place == SK_HTTP_WAITING) {
        sk_list_remove(&transfer->link);
        if (sk_list_is_empty(&host->waiting)) sk_list_remove(&host->held_link);
    }
    if (transfer->place == SK_HTTP_FLYING) {
        touch_down(&invoker->pool, transfer);
        land(invoker, transfer);
    }
    transfer->host = NULL;
    bool has_line = !sk_list_is_empty(&host->waiting) || !sk_list_is_empty(&host->late);
    if (host->flying_count == 0 && !has_line) {
        sk_list_push(&invoker->pool.idle_hosts, &host->idle_link);
    }
}
