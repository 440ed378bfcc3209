# nginx with one static certificate and pooled HTTP/1.1 connections to the one
# origin it is configured for; it judges and records nothing.
PEER_DESC="nginx, static certificate"
PEER_H2=1
peer_start() {
	cat >nginx.conf <<EOC
daemon on; worker_processes $WORKERS; pid $PWD/nginx.pid;
error_log $PWD/error.log error; worker_rlimit_nofile $NOFILE;
events { worker_connections 15000; multi_accept on; }
http {
  access_log off; keepalive_timeout 900s; keepalive_requests 1000000000;
  client_body_temp_path $PWD/b; proxy_temp_path $PWD/p;
  fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  client_max_body_size 0;
  ssl_certificate $STATIC_CERT; ssl_certificate_key $STATIC_KEY;
  ssl_session_cache shared:s:20m; ssl_ecdh_curve X25519:P-256;
  http2_max_concurrent_streams 1000; http2_body_preread_size 1m;
  upstream origin {
    server $IP_ORG:443; keepalive 512; keepalive_requests 1000000000;
  }
  server {
    listen $PORT ssl http2 reuseport backlog=16384;
    listen $PORT80 reuseport;
    location / {
      proxy_pass https://origin; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host \$host;
      proxy_ssl_name \$host; proxy_ssl_server_name on; proxy_ssl_verify on;
      proxy_ssl_trusted_certificate $ORIGIN_CA; proxy_ssl_session_reuse on;
      proxy_request_buffering off; proxy_max_temp_file_size 0;
      proxy_buffer_size 16k; proxy_buffers 8 16k;
      proxy_busy_buffers_size 64k;
    }
  }
}
EOC
	nginx -e "$PWD/error.log" -c "$PWD/nginx.conf"
}
