-- What wrk sends in bench_service.py: one sentence a request, each client at its own pace.
-- Arguments: a file with one JSON body a line, and the mean pause of a client in milliseconds.

local bodies = {}
local pause_ms = 0
local threads = {}
answered = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init(args)
   for body in io.lines(args[1]) do table.insert(bodies, body) end
   pause_ms = tonumber(args[2])
   math.randomseed(number + 1)
end

function request()
   local headers = { ["Content-Type"] = "application/json" }
   return wrk.format("POST", "/translate", headers, bodies[math.random(#bodies)])
end

function delay()
   return math.floor(-pause_ms * math.log(1 - math.random()))
end

function response(status)
   answered[status] = (answered[status] or 0) + 1
end

function done(summary, latency)
   local statuses = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("answered")) do
         statuses[status] = (statuses[status] or 0) + count
      end
   end
   local counts = {}
   for status, count in pairs(statuses) do
      table.insert(counts, string.format('"%d": %d', status, count))
   end
   local errors = summary.errors
   io.write(string.format(
      '\n{"seconds": %.6f, "statuses": {%s}, "p50_ms": %.3f, "p95_ms": %.3f, "max_ms": %.3f, "broken": %d}\n',
      summary.duration / 1e6, table.concat(counts, ", "),
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency.max / 1e3,
      errors.connect + errors.read + errors.write + errors.timeout))
end
