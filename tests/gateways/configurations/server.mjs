import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

// Refuses some requests itself, and is a reverse proxy for the rest.
function handle(request, response) {
  const situation = request.url.split("/")[1];
  if (situation === "refused") {
    response.writeHead(403, { Connection: "close" }).end("no");
  } else if (situation === "refused-in-mid-body") {
    let bytes = 0;
    request.on("data", (block) => {
      bytes += block.length;
      if (bytes > 1 << 20 && !response.headersSent) {
        response.writeHead(413, { Connection: "close" }).end("too large");
        request.pause();
      }
    });
  } else {
    const { method, url, headers } = request;
    const behind = http.request({ port: "{BACKEND}", host: "127.0.0.1", method, path: url, headers, timeout: 2000 });
    const fail = (status) => response.headersSent || response.writeHead(status).end();
    behind.on("response", (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    behind.on("timeout", () => fail(504));
    behind.on("error", () => fail(502));
    request.pipe(behind);
  }
}

const identity = { cert: readFileSync("{CERTIFICATE}"), key: readFileSync("{KEY}") };
http.createServer(handle).listen("{HTTP}", "127.0.0.1");
for (const [port, version] of [["{TLS12}", "TLSv1.2"], ["{TLS13}", "TLSv1.3"]]) {
  https.createServer({ ...identity, minVersion: version, maxVersion: version }, handle).listen(port, "127.0.0.1");
}
