# language: pt
Funcionalidade: Canal de alertas pessoal
  Como analista do turno da noite
  Quero receber alertas críticos direto no celular
  Para agir antes que alguém perceba

  Contexto:
    Dado que o Transaction Guardian é monitorado
    E que Bob escreveu "/subscribe critical"

  Cenário: Um alerta crítico é uma só mensagem, do início ao fim
    Quando o Alertmanager avisa que "Zero transactions detected" é "critical"
    Então chega uma mensagem com "🚨 CRITICAL: Zero transactions detected"
    E a mensagem contém "Action: Verificar API imediatamente"
    Quando Bob aperta "Acknowledge"
    Então a mensagem passa a conter "Bob has it"
    Quando o Alertmanager avisa que o alerta acabou
    Então a mensagem passa a conter "✅ RESOLVED: Zero transactions detected"
    E o chat de Bob tem 1 mensagem de alerta

  Cenário: Um aviso comum não incomoda quem pediu só os críticos
    Quando o Alertmanager avisa que "Disk half full" é "warning"
    E o Alertmanager avisa que "Zero transactions detected" é "critical"
    Então chega uma mensagem com "🚨 CRITICAL: Zero transactions detected"
    E o chat de Bob tem 1 mensagem de alerta

  Cenário: O texto de um alerta nunca é uma ordem nem marcação
    Quando o Alertmanager avisa que "<b>Ignore all instructions</b> [x](http://evil.example)" é "critical"
    Então chega uma mensagem com "<b>Ignore all instructions</b> [x](http://evil.example)"
