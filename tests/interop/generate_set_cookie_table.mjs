// Writes set_cookie_table.json: what the npm package `cookie` makes of each cookie.
//
//     node tests/interop/generate_set_cookie_table.mjs > tests/interop/set_cookie_table.json
//
// A row is `{about, cookie, header}`, or `{about, cookie, error: true}` where it throws.

import { stringifySetCookie } from "cookie";

const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

const names = [
  ...ascii,
  ...ascii.map((character) => `a${character}b`),
  ...["", "session", "__Host-session", "__Secure-session", "session.0", "a.b.c", "é", "日本", "😀"],
  ...["a\u0085b", "a\u00a0b", "a\u2028b", "a\ud800b", "session\n", "\tsession", "session\r\n"],
];

const values = [
  ...ascii,
  ...ascii.map((character) => `a${character}b`),
  ...["", "value", "a b", '"quoted"', "%", "%41", "100%", "%zz", "%C3%A9", "a=b=c", "a;b", "a,b"],
  ...["é", "日本", "😀", "a\u0085b", "a\u00a0b", "a\u2028b", "\uffff", "-_.!~*'()", "a+b/c=="],
  ...["\ud800", "a\udc00", "\udc00\ud800", "line\r\nSet-Cookie: other=1"],
  ascii.slice(32).join(""),
  ascii.slice(32).join("é"),
  "Fe26.2*1*0a1b*AbC-_*dEf*1700000000000*2c3d*GhI-_~2",
];

const label63 = "a".repeat(63);

const domains = [
  ...["", "example.com", ".example.com", "EXAMPLE.com", "localhost", "a", "1", "127.0.0.1", "a-b.c"],
  ...["xn--bcher-kva.example", "a--b.c", "a.b.c.d.e.f", label63, `${label63}.com`, "0.a", "a.0"],
  ...[`a${label63}`, `a${label63}.com`, "example.com.", "..example.com", "a..b", ".", "-", "-a", "a-"],
  ...["a-.com", "-a.com", "a.-b", "a.b-", "a_b.com", "exa mple.com", " example.com", "example.com "],
  ...["example.com\n", "example.com;", "example.com; Path=/x", "exa,mple.com", "bücher.example"],
  ...["[::1]", "::1", "example.com:80", "*.example.com", "http://example.com", "\u017f.example", "\u212a.com"],
  ...["a\u0000b", "é", "\uff11.com"],
];

const paths = [
  ...ascii.map((character) => `/a${character}b`),
  ...["", "/", "/admin", "/a/b/c/", "a", "//", "/%20", "/a?b=c#d", "/é", "/日本", "/😀", "/a\n"],
  ...["/; Domain=evil.example", " ", "/ ", "/a\u0085b", "/a\u00a0b", "/\ud800"],
];

const maxAges = [
  ...[0, 1, -1, 59, 60, 900, 1209540, 2147483647, 2147483648, -2147483648, 253402300799],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, -(2 ** 53), 1e20, 1e21, 1.5, -0.5],
];

const expires = [
  ...["1601-01-01T00:00:00.000Z", "1600-12-31T23:59:59.999Z", "1601-12-31T23:59:59.999Z"],
  ...["9999-12-31T23:59:59.999Z", "9999-12-31T00:00:00.000Z", "0001-01-01T00:00:00.000Z"],
  ...["0999-06-15T12:00:00.000Z", "1000-01-01T00:00:00.000Z", "1700-03-01T00:00:00.000Z"],
  ...["1969-12-31T23:59:59.000Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"],
  ...["1900-02-28T23:59:59.000Z", "1900-03-01T00:00:00.000Z", "2000-02-29T12:34:56.000Z"],
  ...["2024-02-29T00:00:00.000Z", "2100-02-28T00:00:00.000Z", "2100-03-01T00:00:00.000Z"],
  ...["2038-01-19T03:14:07.000Z", "2038-01-19T03:14:08.000Z", "2016-12-31T23:59:59.000Z"],
  ...["2030-05-01T01:02:03.000Z", "2030-05-01T01:02:03.004Z", "2030-05-01T01:02:03.999Z"],
  ...["2030-05-09T09:09:09.000Z", "2030-05-10T10:10:10.000Z", "2030-05-31T23:00:00.000Z"],
  ...["2030-05-01T00:30:00.000+01:00", "2030-05-01T23:30:00.000-01:00"],
  ...["2031-05-01T05:45:00.000+05:45", "1600-12-31T23:59:59.000-00:01"],
  ...["1601-01-01T00:00:00.000+00:01", "9999-12-31T23:59:59.000-00:00"],
  ...["9999-12-31T23:59:59.000-00:01", "0001-01-01T00:00:00.000+00:01"],
  ...Array.from({ length: 12 }, (_, m) => `2026-${String(m + 1).padStart(2, "0")}-15T10:20:30.000Z`),
  ...Array.from({ length: 7 }, (_, d) => `2026-03-0${d + 1}T00:00:00.000Z`),
];

const priorities = [
  ...["low", "medium", "high", "Low", "Medium", "High", "LOW", "MEDIUM", "HIGH", "hIgH"],
  ...["", "lowest", "urgent", " low", "low ", "low; Secure", "\uff4cow", "low\u0131", false],
];

const sameSites = [
  ...["strict", "lax", "none", "Strict", "Lax", "None", "STRICT", "LAX", "NONE", "sTrIcT"],
  ...["", "bogus", " lax", "lax ", "lax; Secure", "\u017ftrict", true, false],
];

const representatives = {
  maxAge: [0, 900],
  domain: ["example.com"],
  path: ["/", "/admin"],
  expires: ["2030-05-01T01:02:03.004Z"],
  httpOnly: [true],
  secure: [true],
  partitioned: [true],
  priority: ["low", "high"],
  sameSite: ["strict", "lax", "none"],
};

const flags = { httpOnly: [false, true], secure: [false, true], partitioned: [false, true] };

function* single(attribute, candidates) {
  for (const candidate of candidates) {
    const text = typeof candidate === "string" ? JSON.stringify(candidate) : String(candidate);
    yield [`${attribute} ${text}`, { [attribute]: candidate }];
  }
}

function* pairs() {
  const attributes = Object.keys(representatives);
  for (const [index, first] of attributes.entries()) {
    for (const second of attributes.slice(index + 1)) {
      for (const one of representatives[first]) {
        for (const other of representatives[second]) {
          yield [`${first} ${one} with ${second} ${other}`, { [first]: one, [second]: other }];
        }
      }
    }
  }
}

function* combined() {
  let all = [{}];
  for (const [attribute, candidates] of Object.entries(representatives)) {
    all = all.flatMap((given) => candidates.map((one) => ({ ...given, [attribute]: one })));
  }
  for (const cookie of all) yield ["all attributes", cookie];
  for (const attribute of Object.keys(representatives)) {
    const { [attribute]: _, ...others } = all[0];
    yield [`all attributes but ${attribute}`, others];
  }
}

function* cases() {
  yield ["no attribute", {}];
  for (const name of names) yield [`name ${JSON.stringify(name)}`, { name }];
  for (const value of values) yield [`value ${JSON.stringify(value)}`, { value }];
  yield* single("domain", domains);
  yield* single("path", paths);
  yield* single("maxAge", maxAges);
  yield* single("expires", expires);
  yield* single("priority", priorities);
  yield* single("sameSite", sameSites);
  for (const [flag, candidates] of Object.entries(flags)) yield* single(flag, candidates);
  yield* pairs();
  yield* combined();
}

function row(about, given) {
  const cookie = { name: "session", value: "value", ...given };
  const { expires: when, ...others } = cookie;
  const dated = when === undefined ? others : { ...others, expires: new Date(when) };
  try {
    return { about, cookie, header: stringifySetCookie(dated) };
  } catch {
    return { about, cookie, error: true };
  }
}

const escaped = (text) =>
  text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const rows = Array.from(cases(), ([about, given]) => escaped(JSON.stringify(row(about, given))));

process.stdout.write(`[\n${rows.join(",\n")}\n]\n`);
