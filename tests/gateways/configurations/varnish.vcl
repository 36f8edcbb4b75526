vcl 4.1;
backend default {
    .host = "127.0.0.1";
    .port = "{BACKEND}";
    .first_byte_timeout = 2s;
}
sub vcl_recv {
    if (req.url ~ "^/refused/") {
        return (synth(403));
    }
}
