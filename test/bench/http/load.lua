-- For wrk: `wrk -s load.lua <url> -- <method> <body> <path>...` asks for the paths in turn.
-- The last line that it prints is `<answers> <microseconds> <failures>`; what is not 2xx is a failure.

local paths, asked = {}, 0

function init(args)
  wrk.method = args[1]
  if args[2] ~= '' then
    wrk.body = args[2]
    wrk.headers['Content-Type'] = 'application/json'
  end
  for i = 3, #args do paths[#paths + 1] = wrk.format(nil, args[i]) end
end

function request()
  asked = asked + 1
  return paths[(asked - 1) % #paths + 1]
end

function done(summary)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('%d %d %d', summary.requests, summary.duration, failures))
end
