-- Follows short links one after the other; each thread has its own half of them (BENCH_TOKENS: a file).
-- BENCH_PAUSE: milliseconds that each connection rests between two.
local threads = {}
function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end
function init(args)
  tokens, n, other = {}, 0, 0
  local line = 0
  for token in io.lines(os.getenv("BENCH_TOKENS")) do
    if line % 2 == id then table.insert(tokens, token) end
    line = line + 1
  end
  headers = { ["User-Agent"] = "Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari/537.36" }
end
function request()
  n = n + 1
  return wrk.format("GET", "/l/" .. tokens[(n - 1) % #tokens + 1], headers)
end
if os.getenv("BENCH_PAUSE") then
  function delay() return tonumber(os.getenv("BENCH_PAUSE")) end
end
function response(status, headers, body) if status ~= 302 then other = other + 1 end end
function done(summary, latency, requests)
  local other = 0
  for _, thread in ipairs(threads) do other = other + thread:get("other") end
  local e = summary.errors
  print(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"max":%f,"not_302":%d,"socket_errors":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    latency.max / 1e6, other, e.connect + e.read + e.write + e.timeout))
end
