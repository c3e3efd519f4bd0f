/*
 * participant.h: participants for tests, in threads of the test's own process: one that speaks HTTP
 * well (libevent's server) and one that misbehaves on bare sockets. Both listen on port 0 of the
 * loopback interface and do what the path of the request says.
 *
 *   polite   /json /empty /text /bad-utf8 /status/<n> /status/<n>/after/<retry-after> /pending
 *            /error /redirect /verify/<true|false|null|none> /large /slow (answers after 5 ms)
 *            /echo (method, uri, headers and body of the request as JSON)
 *   rude     /close /garbage /half /half-chunk /endless /never /reset /long-head
 *            /moody (answers once on a connection, then closes it on the next request)
 *            /moody/no (likewise, and its answer is 422)
 *            /odd/<name> (answers that clients may read in several ways: see the table)
 */
#ifndef SKT_PARTICIPANT_H
#define SKT_PARTICIPANT_H

#include <stdint.h>

struct skt_polite;
struct skt_polite *skt_polite_new(void);
void skt_polite_free(struct skt_polite *server);
uint16_t skt_polite_port(const struct skt_polite *server);
/* Connections accepted so far, requests so far, the most requests to /slow at one time. */
uint32_t skt_polite_connections(struct skt_polite *server);
uint32_t skt_polite_requests(struct skt_polite *server);
uint32_t skt_polite_slow_max(struct skt_polite *server);

struct skt_rude;
struct skt_rude *skt_rude_new(void);
/* Waits for its connections: the clients must have closed theirs. */
void skt_rude_free(struct skt_rude *server);
uint16_t skt_rude_port(const struct skt_rude *server);
uint32_t skt_rude_requests(struct skt_rude *server);

/* A port on which nobody listens, held until the process ends. */
uint16_t skt_refusing_port(void);
/* A port that accepts connections and never says a word, held until the process ends. */
uint16_t skt_silent_port(void);

#endif
