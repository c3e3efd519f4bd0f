/*
 * dry_resolve.c: conditions and requests of a dry run, from the input alone: no participant is
 * asked, so outputs are null, and the clock stands at 1970-01-01. Secrets stay the references they
 * are.
 */
#include "dsl/dry_run.h"

enum { ITEMS_SHOWN_MAX = 100 };

/* ---- where values come from ------------------------------------------------------------------ */

struct values {
    const struct sk_step *step;
    struct sk_str input, step_id, step_name, variables, item;
};

static struct sk_str get_value(const void *context, enum sk_root root, uint32_t step_index)
{
    const struct values *values = context;
    (void)step_index;
    switch (root) {
    case SK_ROOT_INPUT: return values->input;
    case SK_ROOT_VARIABLES: return values->variables;
    case SK_ROOT_ITEM: return values->item;
    case SK_ROOT_STEP_ID: return values->step_id;
    case SK_ROOT_STEP_NAME: return values->step_name;
    case SK_ROOT_SAGA_ID: return SK_STR("\"dry-run\"");
    case SK_ROOT_TIMESTAMP: return SK_STR("\"1970-01-01T00:00:00.000Z\"");
    case SK_ROOT_ATTEMPT: return SK_STR("1");
    case SK_ROOT_CONTEXT: return SK_STR("{}");
    case SK_ROOT_OUTPUT:
    case SK_ROOT_ERROR:
    case SK_ROOT_RESPONSE:
    case SK_ROOTS_COUNT: break;
    }
    return (struct sk_str){ 0 };
}

struct resolver {
    struct sk_dry_run *run;
    struct values values;
    struct sk_scope scope;
    struct sk_arena scratch;
    struct sk_buf text;
    bool reads_output;
};

/* Clearing forgets a failure, so it is kept first. */
static void fresh_text(struct resolver *r)
{
    if (r->text.failed) r->run->arena.failed = true;
    sk_buf_clear(&r->text);
}

static struct sk_str keep(struct resolver *r)
{
    if (r->text.failed) r->run->arena.failed = true;
    return sk_arena_copy(&r->run->arena, sk_buf_view(&r->text));
}

static struct sk_str quoted(struct resolver *r, struct sk_str text)
{
    fresh_text(r);
    sk_json_quote(&r->text, text);
    return keep(r);
}

static void note_refs(struct resolver *r, const struct sk_refs *refs)
{
    if ((refs->roots & SK_ROOT_BIT(SK_ROOT_OUTPUT)) != 0) r->reads_output = true;
}

static void append_text(struct resolver *r, const struct sk_template *template, struct sk_buf *out)
{
    if (template == NULL) return;
    note_refs(r, sk_template_refs(template));
    sk_template_render_text(template, &r->scope, &r->scratch, out);
}

/* ---- members of a request -------------------------------------------------------------------- */

static void put_str(struct sk_json_writer *w, const char *name, struct sk_str value)
{
    if (value.size == 0) return;
    sk_json_key(w, name);
    sk_json_put_str(w, value);
}

static void put_template(struct resolver *r, struct sk_json_writer *w, const char *name,
                         const struct sk_template *template)
{
    if (template == NULL) return;
    fresh_text(r);
    append_text(r, template, &r->text);
    sk_json_key(w, name);
    sk_json_put_str(w, sk_buf_view(&r->text));
}

static void put_document(struct resolver *r, struct sk_json_writer *w, const char *name,
                         const struct sk_document *document)
{
    if (document == NULL) return;
    note_refs(r, sk_document_refs(document));
    fresh_text(r);
    sk_document_render(document, &r->scope, &r->scratch, &r->text);
    sk_json_key(w, name);
    sk_json_put_raw(w, sk_buf_view(&r->text));
}

static void put_pairs(struct resolver *r, struct sk_json_writer *w, const char *name,
                      const struct sk_pair *pairs, uint32_t count)
{
    if (count == 0) return;
    sk_json_key(w, name);
    sk_json_begin_object(w);
    for (uint32_t i = 0; i < count; i++) {
        fresh_text(r);
        append_text(r, pairs[i].value, &r->text);
        sk_json_key_str(w, pairs[i].name);
        sk_json_put_str(w, sk_buf_view(&r->text));
    }
    sk_json_end_object(w);
}

/* Endpoint and path, one slash between them. */
static void put_url(struct resolver *r, struct sk_json_writer *w, const struct sk_action *action)
{
    struct sk_buf *text = &r->text;
    fresh_text(r);
    if (action->endpoint == NULL) sk_buf_append_text(text, "(configured)");
    append_text(r, action->endpoint, text);
    struct sk_buf path;
    sk_buf_init(&path, 0);
    append_text(r, action->path, &path);
    struct sk_str view = sk_buf_view(&path);
    bool ends = text->size > 0 && text->data[text->size - 1] == '/';
    bool starts = view.size > 0 && view.data[0] == '/';
    if (ends && starts) view = sk_str_sub(view, 1, view.size);
    if (!ends && !starts && view.size > 0) sk_buf_append_char(text, '/');
    sk_buf_append_str(text, view);
    if (path.failed) text->failed = true;
    sk_buf_release(&path);
    sk_json_key(w, "url");
    sk_json_put_str(w, sk_buf_view(text));
}

static void put_action(struct resolver *r, struct sk_json_writer *w, const struct sk_action *action)
{
    sk_json_begin_object(w);
    sk_json_key(w, "kind");
    sk_json_put_text(w, sk_step_kind_name(action->kind));
    switch (action->kind) {
    case SK_KIND_HTTP:
    case SK_KIND_GRPC:
        put_str(w, "service", action->service);
        put_str(w, "method", action->method);
        put_url(r, w, action);
        break;
    case SK_KIND_FUNCTION:
    case SK_KIND_CUSTOM: put_str(w, "handler", action->service); break;
    case SK_KIND_MESSAGE:
        put_str(w, "broker", action->broker);
        put_template(r, w, "topic", action->topic);
        put_template(r, w, "routing_key", action->routing_key);
        put_str(w, "reply", action->reply_topic);
        break;
    case SK_KIND_SAGA:
        put_str(w, "definition", action->definition);
        put_str(w, "version", action->version);
        break;
    case SK_KIND_TASK: put_str(w, "queue", action->queue); break;
    case SK_KIND_WAIT:
    case SK_KIND_EVENT:
    case SK_KINDS_COUNT: break;
    }
    put_pairs(r, w, "headers", action->headers, action->headers_count);
    put_pairs(r, w, "query", action->query, action->query_count);
    put_document(r, w, "body", action->body);
    sk_json_end_object(w);
}

static void put_wait(struct resolver *r, struct sk_json_writer *w, const struct sk_wait *wait)
{
    sk_json_begin_object(w);
    sk_json_key(w, "kind");
    sk_json_put_text(w, "wait");
    switch (wait->kind) {
    case SK_WAIT_NONE: break;
    case SK_WAIT_FOR: put_template(r, w, "for", wait->time); break;
    case SK_WAIT_UNTIL: put_template(r, w, "until", wait->time); break;
    case SK_WAIT_SIGNAL: put_str(w, "signal", wait->signal); break;
    case SK_WAIT_POLL:
        sk_json_key(w, "poll");
        put_action(r, w, wait->poll);
        break;
    }
    sk_json_end_object(w);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* The list of a foreach; empty when the input does not give it. */
static struct sk_str find_items(struct resolver *r, const struct sk_step *step)
{
    const struct sk_refs *refs = sk_template_refs(step->items);
    if ((refs->roots & SK_ROOT_BIT(SK_ROOT_OUTPUT)) != 0) return (struct sk_str){ 0 };
    fresh_text(r);
    sk_template_render_json(step->items, &r->scope, &r->scratch, &r->text);
    struct sk_str items = keep(r);
    return sk_json_type(items) == SK_JSON_ARRAY ? items : (struct sk_str){ 0 };
}

static void put_items(struct resolver *r, struct sk_json_writer *w, const struct sk_step *step,
                      struct sk_dry_step *dry)
{
    struct sk_str items = find_items(r, step);
    dry->is_count_known = items.size > 0;
    if (!dry->is_count_known) {
        sk_dry_warn(r->run, "%.*s: the items are not known in a dry run; one is assumed",
                    SK_STR_ARGS(step->id));
        put_action(r, w, step->action);
        return;
    }
    dry->items_count = 0;
    sk_json_begin_array(w);
    struct sk_json_iter it = sk_json_walk(items);
    while (sk_json_next(&it)) {
        dry->items_count += 1;
        if (dry->items_count > ITEMS_SHOWN_MAX) continue;
        r->values.item = it.value;
        put_action(r, w, step->action);
    }
    sk_json_end_array(w);
    if (dry->items_count > ITEMS_SHOWN_MAX) {
        sk_dry_warn(r->run, "%.*s: %u items, of which the first %d are shown",
                    SK_STR_ARGS(step->id), dry->items_count, ITEMS_SHOWN_MAX);
    }
}

static bool is_skipped(struct resolver *r, const struct sk_step *step)
{
    if (step->condition == NULL) return false;
    uint32_t roots = sk_condition_refs(step->condition)->roots;
    if (step->variables != NULL) {
        roots |= sk_document_refs(step->variables)->roots;
        fresh_text(r);
        sk_document_render(step->variables, &r->scope, &r->scratch, &r->text);
        r->values.variables = keep(r);
    }
    if ((roots & SK_ROOT_BIT(SK_ROOT_OUTPUT)) != 0) {
        sk_dry_warn(r->run,
                    "%.*s: its condition reads outputs, which a dry run has not; taken as true",
                    SK_STR_ARGS(step->id));
        return false;
    }
    return !sk_condition_eval(step->condition, &r->scope, &r->scratch);
}

static void resolve_step(struct resolver *r, uint32_t index)
{
    const struct sk_step *step = &r->run->plan->steps[index];
    struct sk_dry_step *dry = &r->run->steps[index];
    r->values = (struct values){ .step = step, .input = r->run->input };
    r->values.step_id = quoted(r, step->id);
    r->values.step_name = quoted(r, step->name);
    r->reads_output = false;
    dry->items_count = 1;
    dry->is_count_known = true;
    dry->is_skipped = is_skipped(r, step);
    if (dry->is_skipped) return;
    struct sk_buf request;
    sk_buf_init(&request, 0);
    struct sk_json_writer w = sk_json_writer_of(&request);
    if (step->items != NULL && step->action != NULL) {
        put_items(r, &w, step, dry);
    } else if (step->action != NULL) {
        put_action(r, &w, step->action);
    } else if (step->kind == SK_KIND_WAIT) {
        put_wait(r, &w, &step->wait);
    }
    if (request.failed || r->text.failed) r->run->arena.failed = true;
    dry->request = sk_arena_copy(&r->run->arena, sk_buf_view(&request));
    sk_buf_release(&request);
    if (r->reads_output) {
        sk_dry_warn(r->run,
                    "%.*s: its request reads outputs, which a dry run has not; shown as null",
                    SK_STR_ARGS(step->id));
    }
}

void sk_dry_resolve(struct sk_dry_run *run)
{
    struct resolver r = { .run = run };
    r.scope = (struct sk_scope){ &r.values, get_value };
    sk_arena_init(&r.scratch);
    sk_buf_init(&r.text, 0);
    for (uint32_t i = 0; i < run->plan->steps_count && !run->arena.failed; i++) {
        resolve_step(&r, i);
        if (r.scratch.failed) run->arena.failed = true;
        sk_arena_clear(&r.scratch);
    }
    sk_buf_release(&r.text);
    sk_arena_release(&r.scratch);
}
