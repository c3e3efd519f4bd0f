/*
 * http_parts.h: what the files of the HTTP invoker share with each other and nobody else.
 *
 *   http.c          the invoker: start, cancel, free; the life of a transfer
 *   http_request.c  invocation → URL and headers, secrets, refusal of injected bytes
 *   http_hosts.c    which hosts may be called
 *   http_pool.c     hosts, their easy handles, the line of those that wait for a connection
 *   http_easy.c     an exchange by libcurl
 *   http_multi.c    libcurl's sockets and timer on the loop
 *   http_evhttp.c   an exchange over plain HTTP/1.1 by libevent's client
 *   http_evhttp_request.c   its request
 *   http_address.c  which hosts it may call, and where they are
 *   http_outcome.c  answer → outcome
 *
 * The life of a transfer; it is in the table of tickets from start to end:
 *
 *   start ──► WAITING ──sk_http_pool_launch──► FLYING ──its end or time-out─► ended
 *      │         └───────────────time-out──────────────────────────────────►  ▲
 *      └──► BARRED (cannot be sent) ───────────next turn────────────────────► ┘
 */
#ifndef SK_INVOKE_HTTP_PARTS_H
#define SK_INVOKE_HTTP_PARTS_H

#include "base/arena.h"
#include "base/list.h"
#include "invoke/http.h"
#include "invoke/http_outcome.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
/* Out of memory is an answer, not the end of the process: hh.tbl is then NULL after HASH_ADD. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct sk_http_invoker;

enum sk_http_place { SK_HTTP_BARRED, SK_HTTP_WAITING, SK_HTTP_FLYING };

/* A scheme and authority ("https://api:8443"), lower case; apart for each service that has TLS
 * or proxy settings of its own. */
struct sk_http_host {
    UT_hash_handle hh;
    struct sk_list idle_link; /* in pool.idle_hosts while nothing flies or waits */
    struct sk_list held_link; /* in pool.held_hosts while its line waits for others' connections */
    struct sk_list waiting;   /* of transfers, first come first served */
    struct sk_list late;      /* stood in line too long: their time-out ends them */
    struct sk_list wires;     /* idle ones, the last one used first */
    uint32_t flying_count;
    const struct sk_service_options *profile; /* NULL: the server's settings */
    bool is_plain;                            /* its exchanges go over wires, where they can */
    bool is_odd;                              /* plain, but evhttp cannot read its answers */
    bool is_address;                          /* the URL itself names one */
    char address[INET6_ADDRSTRLEN];           /* where wires are connected; "" = not known */
    uint16_t port;
    int64_t address_until_us; /* monotonic; then libcurl looks for it anew */
    CURL **easies;            /* not in use; the last one used is the first taken */
    uint32_t easies_count;
    size_t key_size;
    char key[];
};

struct sk_http_pool {
    struct sk_http_host *hosts; /* uthash by key */
    struct sk_list idle_hosts;  /* least recently used first */
    struct sk_list held_hosts;  /* whose turn it is, first */
    struct sk_list idle_wires;  /* of all hosts, least recently used first */
    struct sk_list over_wires;  /* closed while idle, to be freed */
    uint32_t idle_wires_count;
    uint32_t flying_count; /* over all hosts */
    uint32_t hosts_count;
};

struct sk_http_transfer {
    UT_hash_handle hh;   /* by ticket */
    struct sk_list link; /* in host->waiting, or in invoker->spare */
    struct sk_http_invoker *invoker;
    enum sk_http_place place;
    uint64_t ticket;
    sk_invoke_done *done;
    void *context;
    struct event timer;    /* the time-out; for BARRED the next turn */
    struct sk_arena arena; /* everything below that is text */

    struct sk_http_question question;
    struct sk_str url, method, body;
    size_t authority_size; /* with the scheme, of the url */
    struct sk_buf
        head; /* the headers' lines, each with its CRLF, but for Host and those of framing */
    bool has_content_type, has_host;          /* among them */
    const struct sk_service_options *service; /* as configured; NULL = not at all */
    struct sk_http_host *host;
    /* FLYING has one of them: by libcurl, or on a wire. */
    CURL *easy;
    struct sk_http_wire *wire;
    int64_t launch_until_us; /* monotonic; in line until then at most */

    struct sk_buf received; /* the answer's body */
    struct sk_http_answer answer;
    uint32_t sendings; /* times libcurl put the request on a connection */
    bool has_head;     /* the answer's headers have come in whole */
    char message[CURL_ERROR_SIZE];
};

struct sk_http_invoker {
    struct sk_invoker port; /* first */
    struct sk_http_options options;
    struct sk_arena texts; /* of the options */
    bool has_global;
    CURLM *multi;
    struct event multi_timer;
    struct sk_http_watch *watches; /* uthash by descriptor */
    struct sk_http_pool pool;
    struct sk_http_transfer *transfers; /* uthash by ticket */
    uint32_t transfers_count;
    struct sk_list spare; /* ended transfers, kept for their memory */
    uint32_t spare_count;
};

/* http.c: the exchange of a flying transfer is over (curl's verdict). */
void sk_http_on_curl(struct sk_http_transfer *transfer, CURLcode result);
/* The same on a wire; the transfer is off it. `text` tells people of a failure. */
void sk_http_on_wire(struct sk_http_transfer *transfer, enum sk_http_failure failure, bool is_sent,
                     uint16_t status, const char *text);
/* A header of the answer that means something to us. */
void sk_http_take_header(struct sk_http_transfer *transfer, struct sk_str name,
                         struct sk_str value);

/* http_request.c. Fills url, method, headers, body and question of the transfer from the
 * invocation. SKALD_OK also when the request must not be sent: then *out_failure says why. */
enum skald_status sk_http_request_build(struct sk_http_transfer *transfer,
                                        const struct sk_invocation *invocation,
                                        enum sk_http_failure *out_failure) SK_MUST_CHECK;

/* http_hosts.c: may this URL be called? `url` is NUL-terminated. Writes its host as it was
 * understood into `out_host` for a message. */
bool sk_http_host_allowed(const struct sk_http_options *options, const char *url, char *out_host,
                          size_t size);

/* http_pool.c */
void sk_http_pool_init(struct sk_http_pool *pool);
void sk_http_pool_release(struct sk_http_pool *pool);
/* Puts the transfer in its host's line. SKALD_E_MEMORY. */
enum skald_status sk_http_pool_enter(struct sk_http_invoker *invoker,
                                     struct sk_http_transfer *transfer) SK_MUST_CHECK;
/* Sends what stands in line as far as connections are free. */
void sk_http_pool_launch(struct sk_http_invoker *invoker, struct sk_http_host *host);
/* Sends a transfer that is not in line by libcurl. False: no handle to be had, or libcurl refused
 * it. */
bool sk_http_pool_launch_easy(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer);
/* Takes the transfer out of line or off its connection; its handle goes back to the pool. */
void sk_http_pool_leave(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer);

/* http_easy.c: one easy handle, for a service with settings of its own (profile) or any other. */
CURL *sk_http_easy_new(struct sk_http_invoker *invoker, const struct sk_service_options *profile);
/* The service itself, if its connections differ from those of others. */
const struct sk_service_options *sk_http_profile_of(const struct sk_service_options *service);
/* The proxy for it; "" = none. */
const char *sk_http_proxy_of(const struct sk_http_options *options,
                             const struct sk_service_options *service);
/* Loads the transfer's request into its handle. */
bool sk_http_easy_load(struct sk_http_transfer *transfer);

/* http_address.c. May wires be used for the host? `authority` is lower case. */
bool sk_http_is_plain(const struct sk_http_invoker *invoker, struct sk_str authority,
                      const struct sk_service_options *profile);
/* Where the host is, if its key says so without being looked up. */
void sk_http_read_address(struct sk_http_host *host);
/* An exchange by libcurl is over: what it tells about where the host is. */
void sk_http_learn_address(struct sk_http_transfer *transfer, bool is_answered);
/* False: libcurl is to look for it. While it does the others use what is known. */
bool sk_http_is_address_known(const struct sk_http_invoker *invoker, struct sk_http_host *host);

/* http_evhttp_request.c. False: a method that evhttp does not have. */
bool sk_http_evhttp_command(struct sk_str method, enum evhttp_cmd_type *out);
const char *sk_http_evhttp_path(struct sk_http_transfer *transfer); /* NULL: no memory */
bool sk_http_evhttp_fill(struct evhttp_request *request, struct sk_http_transfer *transfer);
/* The same for the time of one call of evhttp, in which it writes the request: its list of headers
 * gets all of them as one entry that is not its own, instead of three pieces of memory and a printf
 * a header. To be taken back behind the call, whether true or false. */
struct sk_http_loan {
    struct evkeyvalq *headers; /* NULL: nothing is out */
    struct evkeyval entry;
};
bool sk_http_evhttp_lend(struct evhttp_request *request, struct sk_http_transfer *transfer,
                         struct sk_http_loan *loan);
void sk_http_evhttp_take_back(struct sk_http_loan *loan);

/* http_evhttp.c: a wire is a connection for plain HTTP/1.1, one exchange at a time. */
/* Sends the transfer on an idle wire of its host, or a new one. False: it is libcurl's to send;
 * nothing of it has left. */
bool sk_http_wire_launch(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer);
/* A byte of the transfer's request has left. */
bool sk_http_wire_is_sent(const struct sk_http_wire *wire);
/* Takes the transfer, if it carries one, off it. */
void sk_http_wire_close(struct sk_http_wire *wire);
void sk_http_wires_close(struct sk_http_host *host); /* the idle ones */
void sk_http_wires_reap(struct sk_http_pool *pool);  /* those that are over */
/* One connection more is opened for what flies: idle wires that are too many then are closed. */
void sk_http_wires_make_room(struct sk_http_invoker *invoker);

/* http_multi.c. The two callbacks are for the handles: libcurl opens and closes its sockets by
 * them, with the invoker as context. */
curl_socket_t sk_http_open_socket(void *context, curlsocktype purpose,
                                  struct curl_sockaddr *address);
int sk_http_close_socket(void *context, curl_socket_t fd);
enum skald_status sk_http_multi_init(struct sk_http_invoker *invoker) SK_MUST_CHECK;
void sk_http_multi_release(struct sk_http_invoker *invoker);

#endif
