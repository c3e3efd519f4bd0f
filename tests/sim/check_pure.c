/*
 * check_pure.c: law 1. The same command on the same state at the same time decides the same bytes:
 * one decision in SAMPLE is taken a second time, on a copy, and events, messages, dead letters and
 * the state after them are compared. (That whole worlds repeat byte for byte is judged in run.c.)
 *
 * The core's decide is wrapped at link time (tests/CMakeLists.txt), so nothing of it knows.
 */
#include "check.h"

enum { SAMPLE = 61 };

enum skald_status __real_sk_saga_decide(struct sk_saga *saga, const struct sk_command *command,
                                        int64_t now_ms, const struct sk_rules *rules,
                                        struct sk_decision *decision, skald_error *error);
enum skald_status __wrap_sk_saga_decide(struct sk_saga *saga, const struct sk_command *command,
                                        int64_t now_ms, const struct sk_rules *rules,
                                        struct sk_decision *decision, skald_error *error);

/* Where a decision stood before the command. */
struct mark {
    size_t data_size;
    uint32_t events, messages, letters; /* letters: but for those that were closed */
};

/* One of the same batch that is closed is taken back; one that is stored is named as closed. */
static uint32_t letters_of(const struct sk_decision *decision)
{
    return decision->letters_count - decision->closed_count;
}

static struct mark mark_of(const struct sk_decision *decision)
{
    return (struct mark){ decision->data.size, decision->events_count, decision->messages_count,
                          letters_of(decision) };
}

static bool are_messages_equal(const struct sk_message *a, const struct sk_message *b)
{
    return a->kind == b->kind && sk_str_equal(a->id, b->id) && sk_str_equal(a->from, b->from) &&
           sk_str_equal(a->to, b->to) && sk_str_equal(a->body, b->body);
}

static bool are_equal(const struct sk_decision *a, struct mark from, const struct sk_decision *b)
{
    uint32_t events = a->events_count - from.events, messages = a->messages_count - from.messages;
    size_t size = a->data.size - from.data_size;
    if (events != b->events_count || messages != b->messages_count || size != b->data.size ||
        letters_of(a) - from.letters != letters_of(b))
        return false;
    if (size > 0 && memcmp(a->data.data + from.data_size, b->data.data, size) != 0) return false;
    for (uint32_t i = 0; i < events; i++) {
        const struct sk_event *x = &a->events[from.events + i].event, *y = &b->events[i].event;
        if (x->seq != y->seq || x->at_ms != y->at_ms || x->type != y->type || x->step != y->step ||
            x->item != y->item || x->attempt != y->attempt || x->round != y->round)
            return false;
    }
    for (uint32_t i = 0; i < messages; i++) {
        if (!are_messages_equal(&a->messages[from.messages + i], &b->messages[i])) return false;
    }
    return true;
}

static bool are_states_equal(const struct sk_saga *a, const struct sk_saga *b)
{
    struct sk_buf x, y;
    sk_buf_init(&x, 0);
    sk_buf_init(&y, 0);
    sk_saga_encode(a, &x);
    sk_saga_encode(b, &y);
    bool equal = sk_str_equal(sk_buf_view(&x), sk_buf_view(&y));
    sk_buf_release(&x);
    sk_buf_release(&y);
    return equal;
}

static bool copy(const struct sk_saga *saga, struct sk_saga *out)
{
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_saga_encode(saga, &bytes);
    bool is_made =
        sk_saga_init(out, saga->plan) && sk_saga_decode(out, sk_buf_view(&bytes)) == SKALD_OK;
    sk_buf_release(&bytes);
    return is_made;
}

enum skald_status __wrap_sk_saga_decide(struct sk_saga *saga, const struct sk_command *command,
                                        int64_t now_ms, const struct sk_rules *rules,
                                        struct sk_decision *decision, skald_error *error)
{
    struct sim_checks *checks = sim_current == NULL ? NULL : sim_current->checks;
    struct sk_saga twin;
    bool is_sample = checks != NULL && saga->seq > 0 && ++checks->decisions % SAMPLE == 0;
    if (is_sample && !copy(saga, &twin))
        sim_fail(sim_current, "decide is pure", saga->start.id, "its state cannot be copied");
    if (is_sample && checks->spoils_twins) twin.retries_count += 1;
    struct mark from = mark_of(decision);
    enum skald_status status = __real_sk_saga_decide(saga, command, now_ms, rules, decision, error);
    if (!is_sample) return status;
    struct sk_decision again;
    skald_error ignored = { 0 };
    sk_decision_init(&again);
    enum skald_status twice =
        __real_sk_saga_decide(&twin, command, now_ms, rules, &again, &ignored);
    checks->judged[SIM_CHECK_PURE] += 1;
    if (status != twice || !are_equal(decision, from, &again) || !are_states_equal(saga, &twin)) {
        sim_fail(sim_current, "decide is pure", saga->start.id,
                 "%s, decided twice on the same state, made other events the second time",
                 sk_command_name(command->kind));
    }
    sk_decision_release(&again);
    sk_saga_release(&twin);
    return status;
}
