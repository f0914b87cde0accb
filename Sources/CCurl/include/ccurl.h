// libcurl for Swift: its variadic calls with types, and the kernel calls that the Glibc module leaves out.
#pragma once

#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);

CURLcode ccurl_easy_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccurl_easy_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccurl_easy_set_pointer(CURL *easy, CURLoption option, const void *value);
CURLcode ccurl_easy_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccurl_easy_set_callback(CURL *easy, CURLoption option, ccurl_data_callback value);
CURLcode ccurl_easy_set_open_socket_callback(CURL *easy, curl_opensocket_callback value);
CURLcode ccurl_easy_set_prerequest_callback(CURL *easy, curl_prereq_callback value);
/// Where the address begins: `addrlen` bytes, more than the member's type has.
const void *ccurl_socket_address(const struct curl_sockaddr *address);
/// Removing a handle does not wait for its name look-up (CURLOPT_QUICK_EXIT, libcurl 7.87 and later).
void ccurl_easy_set_quick_exit(CURL *easy);

CURLcode ccurl_easy_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode ccurl_easy_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
CURLcode ccurl_easy_get_socket(CURL *easy, curl_socket_t *value);
/// NULL where there is none. It lives as long as the handle.
const char *ccurl_easy_get_text(CURL *easy, CURLINFO info);
/// The server's chain, its own certificate first; NULL where none is known. It lives as long as the handle.
const struct curl_certinfo *ccurl_easy_get_certificates(CURL *easy);

CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
CURLMcode ccurl_multi_set_pointer(CURLM *multi, CURLMoption option, const void *value);
CURLMcode ccurl_multi_set_socket_callback(CURLM *multi, curl_socket_callback value);
CURLMcode ccurl_multi_set_timer_callback(CURLM *multi, curl_multi_timer_callback value);
CURLcode ccurl_message_result(const CURLMsg *message);

/// Names the calling thread, with at most 15 bytes, for top and debuggers.
void ccurl_name_thread(const char *name);

CURLSHcode ccurl_share_data(CURLSH *share, curl_lock_data what);
