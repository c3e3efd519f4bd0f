/* client.c: see client.h. libcurl's easy interface; one handle, so that connections are kept. */
#include "cli/client.h"

#include "base/limits.h"
#include "cli/table.h"
#include "invoke/percent.h"
#include "runtime/files.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    CALL_TIMEOUT_MS = 120 * 1000, /* longer than the longest ?wait= */
    ANSWER_SIZE_MAX = 256 * 1024 * 1024,
    ADDRESS_SIZE_MAX = 1000
};

static const char default_server[] = "http://127.0.0.1:8080";

struct cli_client {
    const struct cli *cli;
    bool is_json;
    char address[ADDRESS_SIZE_MAX];
    CURL *easy;
    char trouble[CURL_ERROR_SIZE]; /* of the last call, when there was no answer */
};

/* ---- making one ------------------------------------------------------------------------------ */

static int set_address(struct cli_client *client, const char *server)
{
    const char *name = "--server";
    if (server == NULL) {
        server = getenv("SKALD_SERVER");
        name = "SKALD_SERVER";
    }
    if (server == NULL || server[0] == 0) server = default_server;
    const char *scheme = strstr(server, "://") == NULL ? "http://" : "";
    int size = snprintf(client->address, sizeof client->address, "%s%s", scheme, server);
    if (size < 0 || (size_t)size >= sizeof client->address) {
        return cli_misuse(client->cli, NULL, "%s is too long", name);
    }
    while (size > 0 && client->address[size - 1] == '/') client->address[--size] = 0;
    if (strncmp(client->address, "http://", 7) != 0 &&
        strncmp(client->address, "https://", 8) != 0) {
        return cli_misuse(client->cli, "write it like http://127.0.0.1:8080",
                          "%s '%s' is no http address", name, server);
    }
    return CLI_GO_ON;
}

static bool is_loopback(const char *address)
{
    const char *host = strstr(address, "://") + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct cli_reply *reply = context;
    sk_buf_append(&reply->body, bytes, size * count);
    return reply->body.failed ? 0 : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct cli_reply *reply = context;
    static const char name[] = "skald-replayed: true";
    if (size * count >= sizeof name - 1 && strncasecmp(bytes, name, sizeof name - 1) == 0) {
        reply->is_replayed = true;
    }
    return size * count;
}

static bool set_up(struct cli_client *client)
{
    CURL *easy = curl_easy_init();
    client->easy = easy;
    return easy != NULL && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->trouble) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "skald/" SKALD_BUILD_VERSION) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           (!is_loopback(client->address) || curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK);
}

int cli_client_new(const struct cli *cli, const struct cli_remote *remote,
                   struct cli_client **out_client)
{
    struct cli_client *client = calloc(1, sizeof *client);
    if (client == NULL) return cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "out of memory");
    client->cli = cli;
    client->is_json = remote->is_json;
    int code = set_address(client, remote->server);
    if (code == CLI_GO_ON && !set_up(client)) {
        code = cli_fail(cli, CLI_FAILED, "out-of-memory", NULL, "the HTTP client cannot be set up");
    }
    if (code != CLI_GO_ON) {
        cli_client_free(client);
        return code;
    }
    *out_client = client;
    return CLI_GO_ON;
}

void cli_client_free(struct cli_client *client)
{
    if (client == NULL) return;
    curl_easy_cleanup(client->easy);
    free(client);
}

const char *cli_client_address(const struct cli_client *client)
{
    return client->address;
}

/* ---- one call -------------------------------------------------------------------------------- */

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[512];
    int size = snprintf(line, sizeof line, "%s: %s", name, value);
    if (size < 0 || (size_t)size >= sizeof line) return false;
    struct curl_slist *grown = curl_slist_append(*headers, line);
    if (grown != NULL) *headers = grown;
    return grown != NULL;
}

static CURLcode perform(struct cli_client *client, const struct cli_request *request,
                        struct curl_slist *headers, struct cli_reply *reply)
{
    CURL *easy = client->easy;
    struct sk_buf url = { 0 };
    sk_buf_append_text(&url, client->address);
    sk_buf_append_text(&url, request->path);
    CURLcode result = curl_easy_setopt(easy, CURLOPT_URL, sk_buf_text(&url));
    bool is_get = strcmp(request->method, "GET") == 0;
    bool is_bare = is_get || strcmp(request->method, "DELETE") == 0;
    if (result == CURLE_OK && is_bare) {
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_get ? NULL : request->method);
        result = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else if (result == CURLE_OK) {
        const char *body = request->body.size == 0 ? "" : request->body.data;
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        result = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, reply);
    client->trouble[0] = 0;
    if (result == CURLE_OK) result = url.failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(easy);
    if (result != CURLE_OK && client->trouble[0] == 0) {
        (void)snprintf(client->trouble, sizeof client->trouble, "%s", curl_easy_strerror(result));
    }
    sk_buf_release(&url);
    return result;
}

/* The exit code of an answer. */
static int code_of(const struct cli_reply *reply)
{
    if (reply->status == 0) return CLI_OUT_OF_REACH;
    if (reply->status >= 200 && reply->status < 300) return CLI_GO_ON;
    return reply->status == 400 || reply->status == 405 || reply->status == 415 ? CLI_WRONG_USE
                                                                                : CLI_FAILED;
}

/* A success comes with an object (but 204), anything else with one or with nothing. */
static bool is_ours(struct sk_str body, long status)
{
    bool is_success = status >= 200 && status < 300;
    if (body.size == 0 && (!is_success || status == 204)) return true;
    return sk_json_check(body, NULL) == SKALD_OK && sk_json_type(body) == SK_JSON_OBJECT;
}

int cli_client_try(struct cli_client *client, const struct cli_request *request,
                   struct cli_reply *reply)
{
    cli_reply_release(reply);
    sk_buf_init(&reply->body, ANSWER_SIZE_MAX);
    struct curl_slist *headers = NULL;
    const char *type = request->type == NULL ? "application/json" : request->type;
    bool is_set = add_header(&headers, "Accept", "application/json") &&
                  add_header(&headers, "Content-Type", type) &&
                  add_header(&headers, "Expect", "") &&
                  (request->key == NULL || add_header(&headers, "Idempotency-Key", request->key));
    CURLcode result = is_set ? perform(client, request, headers, reply) : CURLE_OUT_OF_MEMORY;
    curl_slist_free_all(headers);
    if (result != CURLE_OK) {
        sk_buf_clear(&reply->body);
        return CLI_OUT_OF_REACH;
    }
    long status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 413) sk_buf_clear(&reply->body); /* far too large: the server has no words then */
    if (!is_ours(sk_buf_view(&reply->body), status)) {
        (void)snprintf(client->trouble, sizeof client->trouble,
                       "what answers there (with status %ld) is no Skald server", status);
        sk_buf_clear(&reply->body);
        return CLI_OUT_OF_REACH;
    }
    reply->status = (int)status;
    return code_of(reply);
}

void cli_reply_release(struct cli_reply *reply)
{
    sk_buf_release(&reply->body);
    *reply = (struct cli_reply){ 0 };
}

/* ---- what went wrong ------------------------------------------------------------------------- */

/* A member that is a text, as a terminal may see it. */
static void append_text(struct sk_str object, const char *name, struct sk_buf *out)
{
    struct sk_buf text = { 0 };
    struct sk_str value = sk_json_member(object, sk_str_of(name));
    if (sk_json_type(value) == SK_JSON_STRING) sk_json_unescape(value, &text);
    cli_text_safe(out, sk_buf_view(&text));
    sk_buf_release(&text);
}

static void print_member(const struct cli *cli, struct sk_str object, const char *name,
                         const char *before, const char *after)
{
    struct sk_buf text = { 0 };
    append_text(object, name, &text);
    if (text.size > 0) {
        (void)fprintf(cli->err, "%s%.*s%s", before, SK_STR_ARGS(sk_buf_view(&text)), after);
    }
    sk_buf_release(&text);
}

/* "file:3:5: error: path: message (remedy) [code]" for each. */
static void print_diagnostics(const struct cli *cli, struct sk_str list)
{
    struct sk_json_iter it = sk_json_walk(list);
    while (sk_json_next(&it)) {
        int64_t line = 0, column = 0;
        (void)sk_json_to_i64(sk_json_member(it.value, SK_STR("line")), &line);
        (void)sk_json_to_i64(sk_json_member(it.value, SK_STR("column")), &column);
        print_member(cli, it.value, "file", "", ":");
        if (line > 0) (void)fprintf(cli->err, "%d:%d: ", (int)line, (int)column);
        print_member(cli, it.value, "severity", "", ": ");
        print_member(cli, it.value, "path", "", ": ");
        print_member(cli, it.value, "message", "", "");
        print_member(cli, it.value, "remedy", " (", ")");
        print_member(cli, it.value, "code", " [", "]");
        (void)fputc('\n', cli->err);
    }
}

void cli_problem_entry(struct sk_str problem, int status, struct sk_buf *out)
{
    static const char folder[] = "/problems/";
    struct sk_buf type = { 0 };
    if (sk_json_type(problem) == SK_JSON_OBJECT) append_text(problem, "type", &type);
    struct sk_str name = sk_buf_view(&type);
    if (sk_str_starts(name, SK_STR(folder))) {
        sk_buf_append_str(out, sk_str_sub(name, strlen(folder), name.size));
    } else {
        sk_buf_append_text(out, status == 413 ? "too-large" : "foreign-answer");
    }
    sk_buf_release(&type);
}

int cli_client_complain(struct cli_client *client, const struct cli_reply *reply)
{
    const struct cli *cli = client->cli;
    if (reply->status == 0) {
        return cli_fail(
            cli, CLI_OUT_OF_REACH, "no-server",
            "start one with `skald serve`, or name it with --server URL or SKALD_SERVER",
            "no server answers at %s (%s)", client->address, client->trouble);
    }
    struct sk_str problem = sk_buf_view(&reply->body);
    int code = code_of(reply);
    if (client->is_json && problem.size > 0) {
        (void)fprintf(cli->err, "%.*s\n", SK_STR_ARGS(problem));
        return code;
    }
    struct sk_buf detail = { 0 }, remedy = { 0 }, entry = { 0 };
    if (sk_json_type(problem) == SK_JSON_OBJECT) {
        print_diagnostics(cli, sk_json_member(problem, SK_STR("diagnostics")));
        append_text(problem, "detail", &detail);
        append_text(problem, "remedy", &remedy);
    }
    if (detail.size == 0 && reply->status == 413) {
        sk_buf_append_text(&detail, "the server does not take so much at once");
        sk_buf_append_text(&remedy, "send less, or see `skald serve --help` for --body-max");
    } else if (detail.size == 0) {
        sk_buf_printf(&detail, "the server answered with status %d", reply->status);
    }
    cli_problem_entry(problem, reply->status, &entry);
    (void)cli_fail(cli, code, sk_buf_text(&entry), remedy.size > 0 ? sk_buf_text(&remedy) : NULL,
                   "%s", sk_buf_text(&detail));
    sk_buf_release(&entry);
    sk_buf_release(&detail);
    sk_buf_release(&remedy);
    return code;
}

int cli_client_call(struct cli_client *client, const struct cli_request *request,
                    struct cli_reply *reply)
{
    int code = cli_client_try(client, request, reply);
    return code == CLI_GO_ON ? code : cli_client_complain(client, reply);
}

/* ---- pieces of requests ---------------------------------------------------------------------- */

void cli_escape(struct sk_buf *out, const char *text)
{
    sk_percent_append(out, sk_str_of(text));
}

void cli_query(struct sk_buf *path, const char *name, const char *value)
{
    if (value == NULL) return;
    bool is_first = path->size == 0 || memchr(path->data, '?', path->size) == NULL;
    sk_buf_append_char(path, is_first ? '?' : '&');
    sk_buf_append_text(path, name);
    sk_buf_append_char(path, '=');
    cli_escape(path, value);
}

static int read_input(const struct cli *cli, size_t size_max, struct sk_buf *out)
{
    char piece[16384];
    ssize_t size;
    while ((size = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return cli_misuse(cli, NULL, "standard input cannot be read");
        sk_buf_append(out, piece, (size_t)size);
        if (out->size > size_max) {
            return cli_misuse(cli, NULL, "standard input is larger than %zu bytes", size_max);
        }
    }
    return CLI_GO_ON;
}

int cli_read_file(const struct cli *cli, const char *path, size_t size_max, struct sk_buf *out)
{
    if (strcmp(path, "-") == 0) return read_input(cli, size_max, out);
    skald_error error;
    if (sk_file_read(path, size_max, out, &error) == SKALD_OK) return CLI_GO_ON;
    return cli_fail_error(cli, CLI_WRONG_USE, NULL, &error);
}

int cli_read_json(const struct cli *cli, const char *option, const char *text, struct sk_buf *out)
{
    if (text[0] == '@') {
        int code = cli_read_file(cli, text + 1, SK_PAYLOAD_SIZE_MAX, out);
        if (code != CLI_GO_ON) return code;
    } else {
        sk_buf_append_text(out, text);
    }
    skald_error error;
    if (sk_json_check(sk_buf_view(out), &error) == SKALD_OK) return CLI_GO_ON;
    return cli_fail(cli, CLI_WRONG_USE, "malformed", "write it like '{\"amount\": 12}', or @FILE",
                    "%s: %s", option, error.message);
}

void cli_put_text(struct sk_json_writer *w, const char *name, const char *value)
{
    if (value == NULL) return;
    sk_json_key(w, name);
    sk_json_put_text(w, value);
}

void cli_put_list(struct sk_json_writer *w, const char *name, const struct cli_list *list)
{
    if (list->count == 0) return;
    sk_json_key(w, name);
    sk_json_begin_array(w);
    for (size_t i = 0; i < list->count; i++) sk_json_put_text(w, list->items[i]);
    sk_json_end_array(w);
}

int cli_put_json(const struct cli *cli, struct sk_json_writer *w, const char *name,
                 const char *value)
{
    struct sk_buf json = { 0 };
    char option[32];
    if (value == NULL) return CLI_GO_ON;
    (void)snprintf(option, sizeof option, "--%s", name);
    int code = cli_read_json(cli, option, value, &json);
    if (code == CLI_GO_ON) {
        sk_json_key(w, name);
        sk_json_put_raw(w, sk_buf_view(&json));
    }
    sk_buf_release(&json);
    return code;
}
